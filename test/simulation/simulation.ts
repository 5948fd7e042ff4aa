import { cloudLimits, type Limits } from '../../lib/model/limits.ts';
import { drain, leaveNothing, serveBesideRefusals, servePromptly } from './aftermath.ts';
import { Violation } from './checks/violation.ts';
import { Witness } from './checks/witness.ts';
import { Pace } from './clients/pace.ts';
import { ExpiringStore } from './expiring-store.ts';
import { type FaultKind, Faults } from './faults.ts';
import { CLOCKS_MS } from './host.ts';
import { Network } from './network.ts';
import { Outages } from './outages.ts';
import { Prng } from './prng.ts';
import { Schedule } from './schedule.ts';
import { Site } from './site.ts';
import { Trace } from './trace.ts';
import { serveWaiting } from './waiting.ts';
import type { Workload } from './workloads/workload.ts';
import type { World } from './world.ts';

/** The cloud's limits, scaled down so that a short story reaches them. */
const smallLimits: Limits = {
  ...cloudLimits,
  prefetchDefault: 8,
  prefetchMax: 8,
  inFlightPerShard: 10,
  outgoingBytes: 300,
  consumersPerShard: 6,
  turnMessages: 6,
  turnBytes: 200,
  postBytes: 600,
  batchCount: 3,
  inboxEntries: 12,
  inboxReserve: 3,
  referencesPerLevel: 3,
  deliveries: 4,
  leaseMs: 400,
  skewMs: 100,
  postMs: 200,
  unknownPostMs: 1500,
  retryMs: 1500,
  retentionMs: 60 * 60_000,
  probeMs: 5000,
  probeMaxMs: 20_000,
};

export type Report = {
  readonly seed: number;
  readonly workload: string;
  readonly hash: string;
  readonly steps: number;
  readonly faults: ReadonlyMap<FaultKind, number>;
  readonly totals: Readonly<Record<string, number>>;
  readonly violation: Violation | undefined;
  readonly story: readonly string[];
};

const START_MS = Date.UTC(2026, 0, 1);
const MINUTE_MS = 60_000;
const EXPIRY_MS = 5000;
/** Longer than bodies are kept. */
const NIGHT_MS = 65 * MINUTE_MS;
const EARLIEST_NIGHT_MS = 2000;
/** The share of stories that have one process. */
const SELF_HOSTED = 0.3;

/** Plays the story of a seed: disorder, then order again; by then nothing may be lost, and nothing left lying. */
export async function simulate(seed: number, workload: Workload, keepsStory = false): Promise<Report> {
  const prng = new Prng(seed);
  const schedule = new Schedule(START_MS + prng.between(0, MINUTE_MS));
  const faults = new Faults(prng);
  const trace = new Trace(() => schedule.now, keepsStory);
  const limits = { ...smallLimits, ...workload.limits };
  const isSelfHosted = prng.chance(workload.selfHosted ?? SELF_HOSTED);
  const isEmbedded = isSelfHosted && prng.chance(0.6);
  const store = new ExpiringStore(schedule, faults, isEmbedded ? 'never' : prng.pick(['promptly', 'lingering']));
  const network = new Network(schedule);
  const outages = new Outages(prng, schedule, faults, isEmbedded);
  const witness = new Witness(
    store,
    limits,
    faults.mayStrike('clock stepped') ? CLOCKS_MS : 0,
    () => schedule.now,
    (violation) => schedule.fail(violation),
  );
  const pace = new Pace(prng, schedule);
  const steps = { count: 0 };
  const world: World = { prng, schedule, faults, trace, store, network, outages, limits, pace, witness, steps };
  let violation: Violation | undefined;
  try {
    await play(world, workload, isSelfHosted);
  } catch (error) {
    // What cannot be read, the checks trip over.
    violation = error instanceof Violation ? error : new Violation('what is stored can be read', [String(error)]);
    trace.add('witness', violation.message);
  }
  const { totals } = witness.history;
  const [hash, story] = [trace.hash(), trace.lines ?? []];
  const told = { faults: faults.counts, totals, violation, story };
  return { seed, workload: workload.name, hash, steps: steps.count, ...told };
}

async function play(world: World, workload: Workload, isSelfHosted: boolean): Promise<void> {
  const { faults, trace } = world;
  const site = new Site(world, isSelfHosted);
  expireNowAndThen(world);
  const clients = workload.begin(world, site);
  await passDays(world, site, workload);
  trace.add('world', 'faults stop');
  faults.stop();
  world.outages.end();
  site.deploy();
  const consumers = await drain(world, site, workload, clients);
  await serveBesideRefusals(world, site, workload);
  await serveWaiting(world, site, workload);
  await servePromptly(world, site, workload, consumers);
  await leaveNothing(world);
  site.checkAnswered();
  world.witness.history.checkLost();
  world.witness.history.transactions.checkWhole();
  world.witness.audience.checkMissed();
}

/** A busy time, a night through which what is unconsumed waits, and a busy time again. */
async function passDays(world: World, site: Site, { chaosMs }: Workload): Promise<void> {
  const { schedule, prng, pace, trace, faults, store, limits } = world;
  const evening = prng.between(EARLIEST_NIGHT_MS, chaosMs);
  await schedule.runUntil(schedule.now + evening);
  trace.add('world', 'night falls');
  pace.nightFalls();
  // Where bodies go by their expiry, a broker may be off for no longer than they are sure to last without it.
  const longestMs = store.bodiesExpire ? limits.retentionMs / 4 : NIGHT_MS;
  if (faults.strike('broker off at night')) site.stop(prng.between(longestMs / 2, longestMs));
  await schedule.runUntil(schedule.now + NIGHT_MS);
  trace.add('world', 'day breaks');
  pace.dayBreaks();
  await schedule.runUntil(schedule.now + chaosMs - evening);
}

function expireNowAndThen(world: World): void {
  world.schedule.after(EXPIRY_MS, () => {
    world.store.expire();
    expireNowAndThen(world);
  });
}
