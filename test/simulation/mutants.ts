import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { mutations } from './mutations/all.ts';
import type { Mutation } from './mutations/mutation.ts';
import { type Regression, regressions } from './regressions.ts';
import { CI_SEEDS } from './seeds.ts';

/**
 * Puts one bug at a time into a copy of the sources, and plays seeds until one fails: `[--seeds 240] [--only name]`.
 * A bug that no seed finds is a hole in the checks.
 */
const { values } = parseArgs({
  options: { seeds: { type: 'string', default: String(CI_SEEDS) }, only: { type: 'string', default: '' } },
});

const root = join(import.meta.dirname, '..', '..');
const copied = ['lib', 'functions', 'test/simulation', 'test/property', 'package.json'];
const HANGS_MS = 120_000;

type Catch = {
  readonly seeds: number;
  readonly check?: string;
  /** The seed that caught it, and its workload. */
  readonly seed?: number;
  readonly workload?: string;
};

async function applyTo(folder: string, { name, patches }: Mutation): Promise<void> {
  for (const { file, search, replace } of patches) {
    const path = join(folder, file);
    const source = await readFile(path, 'utf8');
    const found = source.split(search).length - 1;
    if (found !== 1) throw new Error(`"${name}" finds its place in ${file} ${found} times: bring it up to date.`);
    await writeFile(
      path,
      source.replace(search, () => replace),
    );
  }
}

/** The kept stories come first: what one of them catches needs no search. */
async function hunt(mutation: Mutation): Promise<{ readonly caught: Catch; readonly stale: readonly Regression[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'mutant-'));
  try {
    for (const path of copied) await cp(join(root, path), join(folder, path), { recursive: true });
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
    await applyTo(folder, mutation);
    const stale: Regression[] = [];
    for (const kept of regressions.filter((regression) => regression.mutation === mutation.name)) {
      const { seed, workload } = kept;
      const { check } = await play(folder, ['--seed', String(seed), '--workload', workload]);
      if (check !== undefined) return { caught: { seeds: 1, check, seed, workload }, stale };
      stale.push(kept);
    }
    return { caught: await play(folder, ['--seeds', values.seeds]), stale };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function play(folder: string, which: readonly string[]): Promise<Catch> {
  const script = join(folder, 'test', 'simulation', 'hunt.ts');
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [script, ...which], { timeout: HANGS_MS }, (error, stdout, stderr) => {
      if (error?.killed) resolve({ seeds: 0, check: 'it comes to an end' });
      else if (error) reject(new Error(`The mutant does not run: ${stderr}`, { cause: error }));
      else resolve(JSON.parse(stdout) as Catch);
    });
  });
}

const print = (line: string) => process.stdout.write(`${line}\n`);
const left = mutations.filter(({ name }) => name.includes(values.only));
const known = new Set(mutations.map(({ name }) => name));
const total = left.length;
const wrong = regressions.filter(({ mutation }) => !known.has(mutation)).map(({ mutation }) => `unknown: ${mutation}`);
let survivors = 0;

async function work(): Promise<void> {
  for (let mutation = left.shift(); mutation; mutation = left.shift()) {
    const { caught, stale } = await hunt(mutation);
    const { seeds, check, seed, workload } = caught;
    if (check === undefined) survivors++;
    const found =
      check === undefined
        ? `SURVIVES ${seeds} seeds`
        : `${String(seeds).padStart(4)} seeds: ${check} (${workload} ${seed})`;
    print(`${mutation.name.padEnd(64)} ${found}`);
    for (const kept of stale)
      wrong.push(`seed ${kept.seed} of ${kept.workload} does not catch "${mutation.name}" any more`);
  }
}

await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, work));
for (const line of wrong) print(line);
print(`${total - survivors} of ${total} mutants were caught within ${values.seeds} seeds`);
print(`${regressions.length} stories are kept, ${wrong.length} of them catch nothing any more`);
process.exitCode = survivors === 0 && wrong.length === 0 ? 0 : 1;
