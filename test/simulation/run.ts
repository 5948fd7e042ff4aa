import { parseArgs } from 'node:util';
import { faultKinds } from './faults.ts';
import { playRange, type Summary } from './range.ts';
import { simulate } from './simulation.ts';
import { workloadNamed, workloadOf, workloads } from './workloads/all.ts';

/**
 * Plays stories by seed and says what it saw: `--seeds 5000 [--from 0] [--workload push]`. With `--seed N` it plays one
 * and tells it, line by line.
 */
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '0' },
    seed: { type: 'string' },
    workload: { type: 'string' },
  },
});

const print = (line: string) => process.stdout.write(`${line}\n`);

async function tell(seed: number): Promise<boolean> {
  const workload = values.workload === undefined ? workloadOf(seed) : workloadNamed(values.workload);
  const { story, hash, steps, violation, totals } = await simulate(seed, workload, true);
  for (const line of story) print(line);
  print(`seed ${seed}, workload ${workload.name}, ${steps} steps, hash ${hash}, ${JSON.stringify(totals)}`);
  print(violation ? `violated: ${violation.message}` : 'all is well');
  return violation === undefined;
}

function printCoverage({ faults }: Summary): void {
  const names = workloads.map(({ name }) => name).filter((name) => (faults.get(name)?.size ?? 0) > 0);
  print(`${''.padEnd(30)}${names.map((name) => name.padStart(12)).join('')}`);
  for (const kind of faultKinds) {
    print(`${kind.padEnd(30)}${names.map((name) => String(faults.get(name)?.get(kind) ?? 0).padStart(12)).join('')}`);
  }
}

function printChecks({ checks }: Summary): void {
  const often = Object.entries(checks).sort(([a], [b]) => a.localeCompare(b));
  print('rules, and how often each was held against what happened:');
  for (const [rule, count] of often) print(`  ${rule.padEnd(70)}${String(count).padStart(12)}`);
}

async function playAll(): Promise<boolean> {
  const started = performance.now();
  const from = Number(values.from);
  const summary = await playRange({ from, to: from + Number(values.seeds), workload: values.workload });
  const { seeds, steps, leastSteps, failures, totals } = summary;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  printCoverage(summary);
  printChecks(summary);
  print(`${seeds} seeds in ${seconds} s, ${Math.round(steps / seeds)} steps a seed, at least ${leastSteps}`);
  print(
    Object.entries(totals)
      .map(([name, count]) => `${name} ${count}`)
      .join(', '),
  );
  for (const { seed, workload, message } of failures) print(`seed ${seed} (${workload}): ${message.slice(0, 600)}`);
  print(failures.length === 0 ? 'all is well' : `${failures.length} seeds failed; --seed N tells the story of one`);
  return failures.length === 0;
}

const isWell = values.seed === undefined ? await playAll() : await tell(Number(values.seed));
process.exitCode = isWell ? 0 : 1;
