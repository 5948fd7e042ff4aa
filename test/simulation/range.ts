import { availableParallelism } from 'node:os';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { checked } from './checks/violation.ts';
import { type FaultKind, faultKinds } from './faults.ts';
import { simulate } from './simulation.ts';
import { workloadNamed, workloadOf, workloads } from './workloads/all.ts';

/** Seeds from `from` up to but not including `to`, all of one workload or of each in turn. */
export type Range = { readonly from: number; readonly to: number; readonly workload?: string | undefined };

export type Failure = {
  readonly seed: number;
  readonly workload: string;
  readonly check: string;
  readonly message: string;
};

export type Summary = {
  readonly seeds: number;
  readonly steps: number;
  readonly leastSteps: number;
  readonly failures: readonly Failure[];
  /** How often each fault struck, by workload. */
  readonly faults: ReadonlyMap<string, ReadonlyMap<FaultKind, number>>;
  readonly totals: Readonly<Record<string, number>>;
  /** How often each rule was held against what happened. */
  readonly checks: Readonly<Record<string, number>>;
};

type Share = Range & { readonly nth: number; readonly of: number; readonly stopsAtFirst: boolean };

/** Plays every nth seed of a range in this thread. */
async function playShare({ from, to, workload, nth, of, stopsAtFirst }: Share): Promise<Summary> {
  const failures: Failure[] = [];
  const faults = new Map(workloads.map(({ name }) => [name, new Map<FaultKind, number>()]));
  const totals: Record<string, number> = {};
  let [seeds, steps, leastSteps] = [0, 0, Number.POSITIVE_INFINITY];
  for (let seed = from + nth; seed < to; seed += of) {
    const chosen = workload === undefined ? workloadOf(seed) : workloadNamed(workload);
    const report = await simulate(seed, chosen);
    seeds++;
    steps += report.steps;
    leastSteps = Math.min(leastSteps, report.violation ? leastSteps : report.steps);
    const struck = faults.get(chosen.name) ?? new Map<FaultKind, number>();
    for (const [kind, count] of report.faults) struck.set(kind, (struck.get(kind) ?? 0) + count);
    addTo(totals, report.totals);
    if (!report.violation) continue;
    const { check, message } = report.violation;
    failures.push({ seed, workload: chosen.name, check, message });
    if (stopsAtFirst) break;
  }
  return { seeds, steps, leastSteps, failures, faults, totals, checks: Object.fromEntries(checked) };
}

function addTo(sums: Record<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count;
}

/** Plays a range on all cores. */
export async function playRange(range: Range, threads = availableParallelism()): Promise<Summary> {
  const shares = Array.from({ length: threads }, (_, nth) => ({ ...range, nth, of: threads, stopsAtFirst: false }));
  return sum(await Promise.all(shares.map(inThread)));
}

function inThread(share: Share): Promise<Summary> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: share });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

function sum(summaries: readonly Summary[]): Summary {
  const faults = new Map(workloads.map(({ name }) => [name, new Map<FaultKind, number>()]));
  const totals: Record<string, number> = {};
  const checks: Record<string, number> = {};
  for (const summary of summaries) {
    for (const [name, struck] of summary.faults) {
      const all = faults.get(name);
      for (const kind of faultKinds) all?.set(kind, (all.get(kind) ?? 0) + (struck.get(kind) ?? 0));
    }
    addTo(totals, summary.totals);
    addTo(checks, summary.checks);
  }
  return {
    seeds: summaries.reduce((all, { seeds }) => all + seeds, 0),
    steps: summaries.reduce((all, { steps }) => all + steps, 0),
    leastSteps: Math.min(...summaries.map(({ leastSteps }) => leastSteps)),
    failures: summaries.flatMap(({ failures }) => failures).sort((a, b) => a.seed - b.seed),
    faults,
    totals,
    checks,
  };
}

if (!isMainThread && parentPort && workerData) parentPort.postMessage(await playShare(workerData as Share));
