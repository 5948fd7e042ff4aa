import fc from 'fast-check';
import { expect, it } from 'vitest';
import { dealShares } from '../../../lib/shard/plan/shares.ts';

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

it('everything that can be dealt is dealt, within the credits', () => {
  fc.assert(
    fc.property(fc.nat({ max: 60 }), fc.array(fc.nat({ max: 20 }), { maxLength: 8 }), (count, credits) => {
      const shares = dealShares(count, credits);
      const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
      expect(sum(shares)).toBe(Math.min(count, sum(credits)));
      expect(shares.every((share, i) => share <= (credits[i] ?? 0))).toBe(true);
    }),
  );
});

it('equal credits get equal shares, the odd ones first', () => {
  fc.assert(
    fc.property(fc.nat({ max: 60 }), fc.integer({ min: 1, max: 8 }), (count, consumers) => {
      const shares = dealShares(count, new Array(consumers).fill(60));
      expect(shares).toEqual(shares.toSorted((a, b) => b - a));
      expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
    }),
  );
});
