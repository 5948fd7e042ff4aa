import { expect, it } from 'vitest';
import { playRange } from './range.ts';
import { CI_SEEDS } from './seeds.ts';
import { simulate } from './simulation.ts';
import { workloads } from './workloads/all.ts';

it('keeps every promise, whatever goes wrong', async () => {
  const { failures, seeds } = await playRange({ from: 0, to: CI_SEEDS });
  expect(failures).toEqual([]);
  expect(seeds).toBe(CI_SEEDS);
}, 300_000);

it.each(workloads)('tells the same story of $name again, for the same seed', async (workload) => {
  const [first, again] = [await simulate(7, workload), await simulate(7, workload)];
  expect(again.hash).toBe(first.hash);
  expect(again.steps).toBe(first.steps);
});

it('tells different stories for different seeds', async () => {
  const hashes = await Promise.all([1, 2, 3].map(async (seed) => (await simulate(seed, workloads[0])).hash));
  expect(new Set(hashes).size).toBe(hashes.length);
});
