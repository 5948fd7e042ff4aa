import { describe, expect, it } from 'vitest';
import type { Entry } from '../../../lib/shard/codec/entry.ts';
import { viewOf } from '../../../lib/shard/view.ts';
import { NOW, OneShard } from './one-shard.ts';

const view = (shard: OneShard, inbox: readonly Entry[], over: { now?: number; deadLetters?: boolean } = {}) =>
  viewOf(shard.state, inbox, shard.context(over));

describe('a view', () => {
  it('counts what waits in the inbox as if it had been absorbed', () => {
    const shard = new OneShard();
    shard.take([shard.send([0, 0, 0]), shard.join('client-individual', 1)]);
    const inbox = [shard.send([0]), shard.join('auto', 1), shard.acknowledge(1, 1, 1)];
    expect(view(shard, inbox)).toMatchObject({ ready: 3, inFlight: 0, consumers: 2, hasWork: true });
    expect(view(shard, [])).toMatchObject({ ready: 2, inFlight: 1, consumers: 1, hasWork: false });
  });

  it('has work when an acknowledgement frees a consumer for what is ready', () => {
    const shard = new OneShard();
    shard.take([shard.send([0, 0]), shard.join('client-individual', 1)]);
    expect(view(shard, [shard.acknowledge(1, 1, 1)]).hasWork).toBe(true);
  });

  it('has none by an early acknowledgement: its push is on its way to the commit', () => {
    const shard = new OneShard();
    shard.take([shard.join('client-individual', 5)]);
    const inbox = [shard.send([0, 0])];
    expect(view(shard, inbox).hasWork).toBe(true);
    expect(view(shard, [...inbox, shard.acknowledge(1, 2, 1)]).hasWork).toBe(false);
    expect(view(shard, [...inbox, shard.acknowledge(1, 1, 1)]).hasWork).toBe(true);
  });

  it('has work by a pull, if there is something to pull', () => {
    const shard = new OneShard();
    const pull = shard.entry({ kind: 'receive', max: 1, deadline: NOW + 1 });
    expect(view(shard, [pull]).hasWork).toBe(false);
    expect(view(shard, [shard.send([0]), pull]).hasWork).toBe(true);
  });

  it('has work when a message exhausts its deliveries, but not in a dead-letter queue', () => {
    const shard = new OneShard({ deliveries: 1 });
    shard.take([shard.send([0]), shard.join('client-individual', 1)]);
    const consumer = shard.state.consumers[0]?.id ?? '';
    const inbox = [shard.entry({ kind: 'leave', consumer, reason: 'lost' })];
    expect(view(shard, inbox)).toMatchObject({ ready: 0, hasWork: true });
    expect(view(shard, inbox, { deadLetters: false })).toMatchObject({ ready: 1, hasWork: false });
  });

  it('has work when the front has expired', () => {
    const shard = new OneShard();
    shard.take([shard.send([NOW + 5])]);
    expect([NOW, NOW + 5].map((now) => view(shard, [], { now }).hasWork)).toEqual([false, true]);
  });
});
