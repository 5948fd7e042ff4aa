import { describe, expect, it } from 'vitest';
import { minuteOf } from '../../../lib/shard/wake-up.ts';
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

  it('is the extension of bodies, halfway through their retention, and soon after one that was called for and says nothing', () => {
    const shard = new OneShard({ retentionMs: 10 * HOUR_MS });
    const { settled } = shard.take([shard.send([0])]);
    expect(settled.wakeAt).toBe(NOW + 5 * HOUR_MS);
    const { turn, settled: next } = shard.take([], { now: NOW + 5 * HOUR_MS });
    expect(turn.extension).toEqual({ upTo: 0, born: NOW / 1000 + 5 * 3600, seen: NOW / 1000 + 5 * 3600 });
    expect(next.wakeAt).toBe(NOW + 5 * HOUR_MS + 45_000);
    expect(shard.take([], { now: NOW + 5 * HOUR_MS + 44_000 }).turn.extension).toBe(undefined);
    const extended = shard.entry({ kind: 'extended', upTo: 2, born: NOW / 1000 + 5 * 3600, seen: 0 });
    const after = shard.take([extended], { now: NOW + 5 * HOUR_MS });
    expect(after.turn.extension).toBe(undefined);
    expect(after.settled.wakeAt).toBe(NOW + 10 * HOUR_MS);
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
