import { registerHooks } from 'node:module';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import type { Story } from './mutations/stories.ts';

type Play = { readonly sources: ReadonlyMap<string, string>; readonly stories: readonly Story[] };
type Told = { readonly at: number; readonly check: string | undefined };

/** The story that a mutant was caught by, and the rule that it broke. */
export type Catch = Story & { readonly check: string };

/** A story that takes so long on any machine has no end. */
const HANGS_MS = 60_000;

/**
 * Plays stories in a thread that has these sources in place of the files, until one is violated.
 * @param sources by URL
 * @returns undefined if all is well in all of them
 */
export function playMutant(
  sources: ReadonlyMap<string, string>,
  stories: readonly Story[],
): Promise<Catch | undefined> {
  return new Promise((resolve, reject) => {
    let at = 0;
    const data: Play = { sources, stories };
    const worker = new Worker(new URL(import.meta.url), { workerData: data });
    const end = (check: string | undefined) => {
      clearTimeout(timer);
      const story = stories[at];
      resolve(check === undefined || !story ? undefined : { ...story, check });
      void worker.terminate();
    };
    const timer = setTimeout(() => end('it comes to an end'), HANGS_MS);
    worker.on('message', (told: Told) => {
      at = told.at;
      if (told.check !== undefined || at === stories.length - 1) end(told.check);
      at++;
      timer.refresh();
    });
    worker.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
  });
}

async function play({ sources, stories }: Play, tell: (told: Told) => void): Promise<void> {
  registerHooks({
    load(url, context, next) {
      const source = sources.get(url);
      return source === undefined ? next(url, context) : { format: 'module-typescript', source, shortCircuit: true };
    },
  });
  // Only what is imported from here on is the mutant's.
  const { simulate } = await import('./simulation.ts');
  const { workloadNamed } = await import('./workloads/all.ts');
  for (const [at, { seed, workload }] of stories.entries()) {
    const { violation } = await simulate(seed, workloadNamed(workload));
    tell({ at, check: violation?.check });
    if (violation) return;
  }
}

if (workerData && parentPort) {
  const port = parentPort;
  await play(workerData as Play, (told) => port.postMessage(told));
}
