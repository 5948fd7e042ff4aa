import { expect, it } from 'vitest';
import { cloudLimits as limits } from '../../../lib/model/limits.ts';
import { isDead, leaseFrom } from '../../../lib/shard/state/lease.ts';

it('a lease lasts for the time that the limits give it', () => {
  expect(leaseFrom('nonce', 1000, limits)).toEqual({ nonce: 'nonce', until: 1000 + limits.leaseMs });
});

it('a lease is dead only once its time and the allowance for clocks are over', () => {
  const lease = leaseFrom('nonce', 0, limits);
  const end = limits.leaseMs + limits.skewMs;
  expect([0, limits.leaseMs, end, end + 1].map((now) => isDead(lease, now, '', limits))).toEqual([
    false,
    false,
    false,
    true,
  ]);
});

it('a lease of an earlier process is dead at once, one of this process is not', () => {
  expect(isDead(leaseFrom('old-1', 0, limits), 0, 'new-', limits)).toBe(true);
  expect(isDead(leaseFrom('new-1', 0, limits), 0, 'new-', limits)).toBe(false);
  expect(isDead(leaseFrom('new-1', 0, limits), 1e6, 'new-', limits)).toBe(true);
});
