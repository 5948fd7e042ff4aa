import { expect, it } from 'vitest';
import { regressions } from './regressions.ts';
import { simulate } from './simulation.ts';
import { workloadNamed } from './workloads/all.ts';

it.each(regressions)('seed $seed of $workload stays well: $showed', async ({ seed, workload }) => {
  const { violation } = await simulate(seed, workloadNamed(workload));
  expect(violation).toBeUndefined();
});
