import fc from 'fast-check';
import { it } from 'vitest';
import { bounds, commands } from './shard-commands.ts';
import { World } from './shard-world.ts';

/** More of them look for what is rare: `SHARD_RUNS=100000 vitest run test/property/shard`. */
const numRuns = Number(process.env.SHARD_RUNS ?? 1500);

it('a shard loses nothing, invents nothing and keeps its bounds, whatever comes and whoever dies', {
  timeout: 3_600_000,
}, () => {
  fc.assert(
    fc.property(bounds, commands, (limits, story) => {
      const world = new World(limits);
      for (const command of story) world.act(command);
      world.drain();
    }),
    { numRuns },
  );
});
