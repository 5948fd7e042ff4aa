import { describe, expect, it } from 'vitest';
import { Waiters } from '../../../functions/waiters.ts';

const NOW = 1_700_000_000_000;

describe('invocations that wait', () => {
  it('are one for each time of a shard', () => {
    const waiters = new Waiters();
    expect(waiters.shouldWait('a', NOW + 5000, NOW)).toBe(true);
    expect(waiters.shouldWait('a', NOW + 5000, NOW + 1)).toBe(false);
    expect(waiters.shouldWait('a', NOW + 9000, NOW + 1)).toBe(true);
    expect(waiters.shouldWait('b', NOW + 5000, NOW + 1)).toBe(true);
  });

  it('leave to the sweep what is a minute away', () => {
    expect(new Waiters().shouldWait('a', NOW + 60_000, NOW)).toBe(false);
  });

  it('are 16 at most, until the time of one is over', () => {
    const waiters = new Waiters();
    const begun = Array.from({ length: 20 }, (_, i) => waiters.shouldWait('a', NOW + 1000 + i, NOW));
    expect(begun.filter(Boolean)).toHaveLength(16);
    expect(waiters.shouldWait('a', NOW + 9000, NOW + 1000)).toBe(true);
  });
});
