import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Mutation, mutations } from './mutations.ts';
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
const HANGS_MS = 300_000;

type Catch = { readonly seeds: number; readonly check: string | undefined };

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

async function hunt(mutation: Mutation): Promise<Catch> {
  const folder = await mkdtemp(join(tmpdir(), 'mutant-'));
  try {
    for (const path of copied) await cp(join(root, path), join(folder, path), { recursive: true });
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
    await applyTo(folder, mutation);
    return await play(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function play(folder: string): Promise<Catch> {
  const script = join(folder, 'test', 'simulation', 'hunt.ts');
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [script, values.seeds], { timeout: HANGS_MS }, (error, stdout, stderr) => {
      if (error?.killed) resolve({ seeds: 0, check: 'it comes to an end' });
      else if (error) reject(new Error(`The mutant does not run: ${stderr}`, { cause: error }));
      else resolve(JSON.parse(stdout) as Catch);
    });
  });
}

const print = (line: string) => process.stdout.write(`${line}\n`);
const left = mutations.filter(({ name }) => name.includes(values.only));
const survivors: string[] = [];

async function work(): Promise<void> {
  for (let mutation = left.shift(); mutation; mutation = left.shift()) {
    const { seeds, check } = await hunt(mutation);
    if (check === undefined) survivors.push(mutation.name);
    const found = check === undefined ? `SURVIVES ${seeds} seeds` : `${String(seeds).padStart(4)} seeds: ${check}`;
    print(`${mutation.name.padEnd(64)} ${found}`);
  }
}

const total = left.length;
await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, work));
print(`${total - survivors.length} of ${total} mutants were caught within ${values.seeds} seeds`);
process.exitCode = survivors.length === 0 ? 0 : 1;
