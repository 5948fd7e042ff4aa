import { describe, expect, it } from 'vitest';
import { minuteOf } from '../../../lib/shard/conclude/wake-up.ts';
import { NOW, OneShard } from './one-shard.ts';

const HOUR_MS = 3_600_000;

describe('the next wake-up', () => {
  it('is none for a shard with nothing in it', () => {
    const shard = new OneShard();
    expect(shard.take([shard.join('auto', 1)]).settled).toMatchObject({ wake: undefined, wakeAt: undefined });
  });

  it('is the deadline of a pull', () => {
    const shard = new OneShard();
    const pull = shard.entry({ kind: 'receive', max: 1, deadline: NOW + 30_000 });
    const { settled } = shard.take([shard.send([0]), pull]);
    expect(settled).toMatchObject({ wakeAt: NOW + 30_000, wake: minuteOf(NOW + 30_000) + 1 });
  });

  it('is the question whether a consumer is still there, at twice the time each time', () => {
    const shard = new OneShard({ probeMs: 60_000, probeMaxMs: 240_000 });
    const { settled } = shard.take([shard.send([0]), shard.join('client-individual', 1)]);
    const waits: number[] = [];
    let at = settled.wakeAt ?? 0;
    for (let i = 0; i < 4; i++) {
      const { turn, settled: next } = shard.take([], { now: at });
      expect(turn.probes).toHaveLength(1);
      waits.push((next.wakeAt ?? 0) - at);
      at = next.wakeAt ?? 0;
    }
    expect(waits).toEqual([120_000, 240_000, 240_000, 240_000]);
  });

  it('is the keep-alive of bodies that expire, halfway through their retention, and soon after one that was called for and says nothing', () => {
    const shard = new OneShard({ retentionMs: 10 * HOUR_MS });
    const { settled } = shard.take([shard.send([0])], { bodiesExpire: true });
    expect(settled.wakeAt).toBe(NOW + 5 * HOUR_MS);
    const { turn, settled: next } = shard.take([], { now: NOW + 5 * HOUR_MS, bodiesExpire: true });
    expect(turn.keepAlive).toEqual({ upTo: 0, born: NOW / 1000 + 5 * 3600, seen: NOW / 1000 + 5 * 3600 });
    expect(next.wakeAt).toBe(NOW + 5 * HOUR_MS + 45_000);
    expect(shard.take([], { now: NOW + 5 * HOUR_MS + 44_000, bodiesExpire: true }).turn.keepAlive).toBe(undefined);
    const extended = shard.entry({ kind: 'kept-alive', upTo: 2, born: NOW / 1000 + 5 * 3600, seen: 0 });
    const after = shard.take([extended], { now: NOW + 5 * HOUR_MS, bodiesExpire: true });
    expect(after.turn.keepAlive).toBe(undefined);
    expect(after.settled.wakeAt).toBe(NOW + 10 * HOUR_MS);
  });

  it('is never that of a keep-alive where bodies stay until they are discarded', () => {
    const shard = new OneShard({ retentionMs: 10 * HOUR_MS });
    expect(shard.take([shard.send([0])]).settled.wakeAt).toBeUndefined();
    expect(shard.take([], { now: NOW + 1000 * HOUR_MS }).turn.keepAlive).toBeUndefined();
  });

  it('is put down once: not again while an earlier one is ahead', () => {
    const shard = new OneShard();
    const pull = (deadline: number) => shard.entry({ kind: 'receive', max: 1, deadline });
    const wakes = [
      shard.take([shard.send([0, 0, 0, 0]), pull(NOW + 300_000)]),
      shard.take([pull(NOW + 400_000)]),
      shard.take([pull(NOW + 30_000)]),
    ].map(({ settled }) => settled.wake);
    expect(wakes).toEqual([minuteOf(NOW + 300_000) + 1, undefined, minuteOf(NOW + 30_000) + 1]);
    expect(shard.take([], { now: NOW + 120_000 }).settled.wake).toBe(minuteOf(NOW + 300_000) + 1);
  });
});

describe('what a connected consumer waits for', () => {
  /** Each pull gets a message before the consumer does; its deadline is so many seconds ahead. */
  function pulls(...seconds: number[]) {
    const shard = new OneShard();
    shard.take([shard.join('client-individual', 100)]);
    const awaited = seconds.map((ahead) => {
      const pull = shard.entry({ kind: 'receive', max: 1, deadline: NOW + ahead * 1000 - 500 });
      return shard.take([shard.send([0]), pull]).settled.awaitedAt;
    });
    return { shard, awaited: awaited.map((at) => (at === undefined ? at : (at - NOW) / 1000)) };
  }

  it('is asked for once, and again for an earlier time', () => {
    expect(pulls(30, 31, 20, 25, 20).awaited).toEqual([30, undefined, 20, undefined, undefined]);
  });

  it('is a post whose outcome is unknown, although it left its consumer no room', () => {
    const shard = new OneShard({ unknownPostMs: 30_000 });
    const { settled } = shard.take([shard.join('client-individual', 1), shard.send([0, 0])], {}, 'unknown');
    expect(settled.awaitedAt).toBe(NOW + 30_000);
  });

  it('is asked for though four sleep already, if it would wait for twice as long', () => {
    const { awaited, shard } = pulls(50, 40, 30, 20, 11, 10, 6, 45);
    expect(awaited).toEqual([50, 40, 30, 20, undefined, 10, undefined, undefined]);
    expect(shard.state.awaited).toEqual([10, 20, 30, 40, 50].map((seconds) => NOW + seconds * 1000));
  });

  it('is asked for again when the earliest time is over, and not for one that somebody sleeps for still', () => {
    const { shard } = pulls(30, 20);
    const { settled } = shard.take([], { now: NOW + 20_000 });
    expect([settled.awaitedAt, settled.state.awaited]).toEqual([undefined, [NOW + 30_000]]);
  });

  it('is nothing more than a minute away, and nothing where a process has timers', () => {
    expect(pulls(61).awaited).toEqual([undefined]);
    const shard = new OneShard();
    const join = shard.entry({ kind: 'join', connection: 'host-c', subscription: 's', ack: 'auto', prefetch: 9 });
    const pull = shard.entry({ kind: 'receive', max: 1, deadline: NOW + 5000 });
    expect(shard.take([join, shard.send([0]), pull], { epoch: 'host' }).settled.awaitedAt).toBeUndefined();
  });
});
