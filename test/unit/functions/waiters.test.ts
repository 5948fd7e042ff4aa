import { describe, expect, it } from 'vitest';
import { Waiters } from '../../../functions/waiters.ts';

const NOW = 1_700_000_000_000;

describe('invocations that wait', () => {
  it('are one for each second of a shard', () => {
    const waiters = new Waiters();
    expect(waiters.shouldWait('a', NOW + 4200, NOW)).toBe(true);
    expect(waiters.shouldWait('a', NOW + 5000, NOW + 1)).toBe(false);
    expect(waiters.shouldWait('a', NOW + 9000, NOW + 1)).toBe(true);
    expect(waiters.shouldWait('b', NOW + 5000, NOW + 1)).toBe(true);
    expect(waiters.shouldWait('a', NOW + 5000, NOW + 5000)).toBe(true);
  });

  it('leave to the sweep what is a minute away', () => {
    expect(new Waiters().shouldWait('a', NOW + 60_000, NOW)).toBe(false);
  });
});
