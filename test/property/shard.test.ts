import fc from 'fast-check';
import { it } from 'vitest';
import { bounds, commands } from './shard-commands.ts';
import { Story } from './shard-story.ts';

/** More of them look for what is rare: `SHARD_RUNS=100000 vitest run test/property/shard`. */
const numRuns = Number(process.env.SHARD_RUNS ?? 1500);

it('a shard loses nothing, invents nothing and keeps its bounds, whatever comes and whoever dies', {
  timeout: 3_600_000,
}, () => {
  fc.assert(
    fc.property(bounds, commands, (limits, told) => {
      const story = new Story(limits);
      for (const command of told) story.act(command);
      story.drain();
    }),
    { numRuns },
  );
});
