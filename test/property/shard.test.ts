import fc from 'fast-check';
import { it } from 'vitest';
import { bounds, commands } from './shard-commands.ts';
import { Story } from './shard-story.ts';

/** The same histories each time. More of them, by a seed of their own, look for what is rare: `SHARD_RUNS=100000`. */
const { SHARD_RUNS, SHARD_SEED } = process.env;
const numRuns = Number(SHARD_RUNS ?? 1500);
const seed = Number(SHARD_SEED ?? (SHARD_RUNS === undefined ? 1 : Date.now() % 2 ** 31));
/** What fails is shown, however far it is from the shortest story that fails. A history takes 4 ms. */
const interruptAfterTimeLimit = 60_000 + numRuns * 30;

it('a shard loses nothing, invents nothing and keeps its bounds, whatever comes and whoever dies', {
  timeout: 3_600_000,
}, () => {
  fc.assert(
    fc.property(bounds, commands, (limits, told) => {
      const story = new Story(limits);
      for (const command of told) story.act(command);
      story.drain();
    }),
    { numRuns, seed, interruptAfterTimeLimit, markInterruptAsFailure: true },
  );
});
