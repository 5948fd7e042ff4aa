import { describe, expect, it } from 'vitest';
import { Waiters } from '../../../functions/waiters.ts';

const NOW = 1_700_000_000_000;

describe('invocations that wait', () => {
  it('are one for a shard, until its time is over', () => {
    const waiters = new Waiters();
    expect(waiters.shouldWait('a', NOW + 5000, NOW)).toBe(true);
    expect(waiters.shouldWait('a', NOW + 5000, NOW)).toBe(false);
    expect(waiters.shouldWait('a', NOW + 9000, NOW + 1)).toBe(false);
    expect(waiters.shouldWait('a', NOW + 9000, NOW + 5000)).toBe(true);
  });

  it('are begun for an earlier time than the one that is waited for', () => {
    const waiters = new Waiters();
    waiters.shouldWait('a', NOW + 5000, NOW);
    expect(waiters.shouldWait('a', NOW + 1000, NOW)).toBe(true);
  });

  it('leave to the sweep what is a minute away', () => {
    expect(new Waiters().shouldWait('a', NOW + 60_000, NOW)).toBe(false);
  });

  it('are 16 at most', () => {
    const waiters = new Waiters();
    const begun = Array.from({ length: 20 }, (_, i) => waiters.shouldWait(`shard ${i}`, NOW + 5000, NOW));
    expect(begun.filter(Boolean)).toHaveLength(16);
  });
});
