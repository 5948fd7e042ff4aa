import { describe, expect, it } from 'vitest';
import type { Context } from '../../../lib/shard/state/draft.ts';
import { viewOf } from '../../../lib/shard/view.ts';
import { NOW, OneShard } from './one-shard.ts';

const HOUR_MS = 60 * 60 * 1000;
/** The machine's clock was set back by an hour. */
const ahead: Partial<Context> = { now: NOW + HOUR_MS, date: NOW };

describe('where the clock of a broker is ahead of the date', () => {
  it('messages expire by the date', () => {
    const shard = new OneShard();
    const { turn } = shard.take([shard.send([NOW + 1000, NOW - 1, 0]), shard.join('auto', 10)], ahead);
    expect(OneShard.given(turn).map(({ sequence }) => sequence)).toEqual([1, 3]);
    expect(shard.state.counts.expired).toBe(1);
  });

  it('an expiry in front is work when its date has come, and the shard is woken as long before as there is left', () => {
    const shard = new OneShard();
    const { settled } = shard.take([shard.send([NOW + 1000])], ahead);
    expect(settled.wakeAt).toBe(NOW + HOUR_MS + 1000);
    const hasWork = (date: number) => viewOf(shard.state, [], shard.context({ ...ahead, date })).hasWork;
    expect([hasWork(NOW), hasWork(NOW + 1000)]).toEqual([false, true]);
  });

  it('nothing is read for an expiry whose date has not come', () => {
    const shard = new OneShard();
    shard.take([shard.send([NOW + 1000])], ahead);
    shard.batches.clear();
    shard.take([], ahead);
    expect(shard.state.references).toMatchObject([{ first: 1, count: 1 }]);
  });

  it('an expiry passes on by the date to those behind it', () => {
    const shard = new OneShard();
    shard.take([shard.send([NOW - 1, NOW + 1000])], ahead);
    expect(shard.state.references[0]?.expires).toBe(NOW + 1000);
  });

  it('what a dead master passed over is what had expired by the date', () => {
    const shard = new OneShard();
    shard.take([shard.join('client-individual', 1)], ahead);
    const sends = [shard.send([NOW + 1000]), shard.send([0])];
    const { turn } = shard.take(sends, { ...ahead, takeover: true });
    expect(OneShard.given(turn)).toMatchObject([{ sequence: 1, redelivered: true }]);
    const freed = shard.take([shard.acknowledge(1, 1, 2)], ahead).turn;
    expect(OneShard.given(freed)).toMatchObject([{ sequence: 2, redelivered: false }]);
  });

  it('deadlines go by the clock', () => {
    const shard = new OneShard();
    const pull = (deadline: number) => shard.entry({ kind: 'receive', max: 1, deadline });
    shard.take([shard.send([0]), pull(NOW + HOUR_MS + 1000)], ahead);
    const later = { now: NOW + HOUR_MS + 1000, date: NOW + 1000 };
    expect(OneShard.given(shard.take([pull(NOW + 2 * HOUR_MS)], later).turn)).toMatchObject([{ redelivered: true }]);
  });
});
