import { expect, it } from 'vitest';
import { mutations } from './mutations/all.ts';
import { sourcesOf } from './mutations/sources.ts';
import { readStories } from './mutations/stories.ts';
import { simulate } from './simulation.ts';
import { workloadNamed } from './workloads/all.ts';

const stories = readStories();

it('finds the place of every mutation in the sources, once', () => {
  for (const mutation of mutations) expect(sourcesOf(mutation).size).toBeGreaterThan(0);
});

it('keeps a story for every mutation, and none besides', () => {
  expect([...stories.keys()].sort()).toEqual(mutations.map(({ name }) => name).sort());
});

// What a mutation is caught by must be well without it.
const told = new Map([...stories.values()].map((story) => [`${story.workload} ${story.seed}`, story]));

it.each([...told.values()])('seed $seed of $workload is well without its mutation', async ({ seed, workload }) => {
  const { violation } = await simulate(seed, workloadNamed(workload));
  expect(violation).toBeUndefined();
});
