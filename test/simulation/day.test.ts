import { expect, it } from 'vitest';
import { liveADay } from './day.ts';

it('a day leaves no more behind than its first hours', async () => {
  const { report, hours } = await liveADay(2);
  expect(report.violation).toBeUndefined();
  expect(report.totals.deliveries).toBeGreaterThan(2000);
  const most = (from: number, to: number, of: (hour: (typeof hours)[number]) => number) =>
    Math.max(...hours.slice(from, to).map(of));
  expect(most(18, 24, ({ items }) => items)).toBeLessThan(2 * most(0, 6, ({ items }) => items));
  expect(most(18, 24, ({ headBytes }) => headBytes)).toBeLessThan(2 * most(0, 6, ({ headBytes }) => headBytes));
}, 300_000);
