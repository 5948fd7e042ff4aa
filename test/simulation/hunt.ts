import { parseArgs } from 'node:util';
import { playShare } from './range.ts';
import { simulate } from './simulation.ts';
import { workloadNamed } from './workloads/all.ts';

/**
 * Plays seeds from 0 until one fails, or one seed of one workload, and says so on one line: what `mutants.ts` runs
 * against each mutant.
 */
const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '1' }, seed: { type: 'string' }, workload: { type: 'string' } },
});

async function hunt() {
  if (values.seed !== undefined) {
    const { violation } = await simulate(Number(values.seed), workloadNamed(values.workload ?? ''));
    return { seeds: 1, check: violation?.check };
  }
  const { seeds, failures } = await playShare({ from: 0, to: Number(values.seeds), nth: 0, of: 1, stopsAtFirst: true });
  const [failure] = failures;
  return { seeds, check: failure?.check, seed: failure?.seed, workload: failure?.workload };
}

process.stdout.write(`${JSON.stringify(await hunt())}\n`);
