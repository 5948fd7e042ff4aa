import { expect, it } from 'vitest';
import { runFuzz } from './run-fuzz.ts';

const SECONDS = 8;

it('a broker lives through odd sessions, odd requests and damaged data, and shows nothing of its inside', async () => {
  const seed = Date.now() % 2 ** 31;
  const tally = await runFuzz(SECONDS, seed);
  process.stdout.write(`fuzz, seed ${seed}\n${tally}\n`);
  expect(tally.crashes).toEqual([]);
  expect(tally.hangs).toEqual([]);
  expect(tally.leaks).toEqual([]);
});
