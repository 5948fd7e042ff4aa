import { parseArgs } from 'node:util';
import { runFuzz } from './run-fuzz.ts';

/** `npm run fuzz -- --minutes 5 [--seed N]`: ends with 1 if anything crashed, hung or leaked. */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
  },
});
const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
if (!(minutes > 0) || !Number.isSafeInteger(seed)) throw new Error('--minutes and --seed take a number each.');
const tally = await runFuzz(minutes * 60, seed);
process.stdout.write(`fuzz, ${minutes} minutes, seed ${seed}\n${tally}\n`);
process.exitCode = tally.isClean ? 0 : 1;
