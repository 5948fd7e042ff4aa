import fc from 'fast-check';
import { expect, it } from 'vitest';
import { dealShares } from '../../../lib/shard/shares.ts';

it.each([
  [7, [10, 10, 10], [3, 2, 2]],
  [7, [1, 10, 10], [1, 3, 3]],
  [9, [1, 1, 10], [1, 1, 7]],
  [5, [1, 1], [1, 1]],
  [0, [3, 3], [0, 0]],
  [3, [], []],
  [2, [0, 5], [0, 2]],
])('%i messages over credits %j are dealt as %j', (count, credits, shares) => {
  expect(dealShares(count, credits)).toEqual(shares);
});

it('everything that can be dealt is dealt, within the credits, and nobody has two more than one with room', () => {
  fc.assert(
    fc.property(fc.nat({ max: 60 }), fc.array(fc.nat({ max: 20 }), { maxLength: 8 }), (count, credits) => {
      const shares = dealShares(count, credits);
      const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
      expect(sum(shares)).toBe(Math.min(count, sum(credits)));
      expect(shares.every((share, i) => share <= (credits[i] ?? 0))).toBe(true);
      const open = shares.filter((share, i) => share < (credits[i] ?? 0));
      expect(Math.max(...shares, 0)).toBeLessThanOrEqual(Math.min(...open, Number.MAX_SAFE_INTEGER) + 1);
    }),
  );
});
