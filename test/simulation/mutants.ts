import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { type Catch, playMutant } from './mutant.ts';
import { mutations } from './mutations/all.ts';
import type { Mutation } from './mutations/mutation.ts';
import { sourcesOf } from './mutations/sources.ts';
import { readStories, type Story, writeStories } from './mutations/stories.ts';
import { workloadOf } from './workloads/all.ts';

/**
 * Puts one bug at a time into the sources, and plays the story that is kept for it: `[--only name]`. Any change tells
 * other stories under the same seeds; a bug whose story catches it no more is hunted for at once: `[--seeds 400]
 * [--workload push]`. One that survives that too is a hole in the checks. `--keep` writes down what was found.
 */
const { values } = parseArgs({
  options: {
    keep: { type: 'boolean', default: false },
    seeds: { type: 'string', default: '400' },
    workload: { type: 'string' },
    only: { type: 'string', default: '' },
  },
});

const print = (line: string) => process.stdout.write(`${line}\n`);
const names = mutations.map(({ name }) => name);
const stories = readStories();
const problems: string[] = [];
let stale = 0;

/** Seeds of one workload, or of all in turn and between them of the one that caught the bug before: it is the likeliest. */
function storiesToSearch(likeliest: string | undefined): readonly Story[] {
  const { workload } = values;
  return Array.from({ length: Number(values.seeds) }, (_, at): Story => {
    if (workload !== undefined) return { workload, seed: at };
    const seed = likeliest === undefined ? at : at >> 1;
    return { workload: likeliest === undefined || at % 2 === 0 ? workloadOf(seed).name : likeliest, seed };
  });
}

/** The kept story comes first: what it catches needs no search. */
async function catchIt(mutation: Mutation): Promise<Catch | undefined> {
  const sources = sourcesOf(mutation);
  const kept = stories.get(mutation.name);
  const caught = kept && (await playMutant(sources, [kept]));
  if (caught) return caught;
  const found = await playMutant(sources, storiesToSearch(kept?.workload));
  if (!found) return undefined;
  const told = `seed ${found.seed} of ${found.workload}`;
  const violated = await playMutant(new Map(), [found]);
  if (violated) problems.push(`${told} is not well without any mutation: ${violated.check}`);
  stale++;
  print(`stale: ${kept ? `${kept.workload} ${kept.seed}` : 'no story'}, of "${mutation.name}"`);
  if (values.keep && !violated) {
    stories.set(mutation.name, { workload: found.workload, seed: found.seed });
    writeStories(stories, names);
  }
  return found;
}

async function work(left: Mutation[]): Promise<void> {
  for (let mutation = left.shift(); mutation; mutation = left.shift()) {
    const { name } = mutation;
    try {
      const caught = await catchIt(mutation);
      const found = caught ? `${caught.workload} ${caught.seed}: ${caught.check}` : 'SURVIVES';
      print(`${name.padEnd(84)} ${found}`);
      if (!caught) problems.push(`"${name}" is not caught`);
    } catch (error) {
      problems.push(`"${name}" does not run: ${error instanceof Error ? error.message : error}`);
    }
  }
}

const started = performance.now();
const chosen = mutations.filter(({ name }) => name.includes(values.only));
const total = chosen.length;
for (const name of stories.keys()) if (!names.includes(name)) problems.push(`There is no mutation "${name}".`);
await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, () => work(chosen)));
for (const problem of problems) print(problem);
const seconds = ((performance.now() - started) / 1000).toFixed(0);
print(
  `${total} mutants in ${seconds} s, ${problems.length === 0 ? 'all of them caught' : `${problems.length} problems`}`,
);
if (stale > 0)
  print(`${stale} kept stories are stale${values.keep ? ', and kept anew' : ': --keep keeps those that were found'}`);
process.exitCode = problems.length === 0 ? 0 : 1;
