import { playShare } from './range.ts';

/** Plays seeds from 0 until one fails, and says so on one line: what `mutants.ts` runs against each mutant. */
const summary = await playShare({ from: 0, to: Number(process.argv[2]), nth: 0, of: 1, stopsAtFirst: true });
const [failure] = summary.failures;
process.stdout.write(`${JSON.stringify({ seeds: summary.seeds, check: failure?.check, message: failure?.message })}\n`);
