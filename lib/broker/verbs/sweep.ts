import { asBrokerError } from '../../model/errors.ts';
import { minuteOf } from '../../shard/conclude/wake-up.ts';
import { isDead, leaseFrom } from '../../shard/state/lease.ts';
import type { Due, Head, OnUnread } from '../../store/port.ts';
import type { Broker } from '../broker.ts';
import { freshNonce, stealIfDead } from '../inbox/leases.ts';
import { becomeMaster } from '../requests.ts';
import { isTopic, queueOf, shardOf, viewHead } from '../shards.ts';
import { lead } from '../turn/lead.ts';
import { describeQueue, isRecorded, recordQueue } from './queues.ts';

/** How much of what is due a sweep asks for first; each time that there is more, twice as much. */
const SWEEP_DUES = 1000;
/** How many shards are looked at side by side: one that is slow holds up few others. */
const SHARDS_AT_ONCE = 16;
/** The next sweep begins a minute after this one. */
const SWEEP_MS = 45_000;

/** A turn for a shard whose time has come. A timer only wakes: the turn decides. */
export async function wake(broker: Broker, shard: string): Promise<void> {
  const mastership = await becomeMaster(broker, shard);
  if (mastership) await lead(broker, mastership);
}

/**
 * A turn for a shard if there is work to see, or a later deadline left that nobody sleeps for yet: the turn's commit says
 * who does. Of several who wait for the same time, the first does it all.
 */
export async function wakeIfNeeded(broker: Broker, shard: string): Promise<void> {
  const head = await broker.store.readHead(shard);
  if (!head) return;
  const { hasWork, isUnwatched } = viewHead(broker, head);
  if (hasWork || isUnwatched) await wake(broker, shard);
}

/**
 * Goes on with a shard that another invocation handed over, if the lease still names this one. Lambda may run one
 * dispatch twice: each takes the lease under a nonce of its own, so that only one of them finds it.
 */
export async function takeHandover(broker: Broker, shard: string, nonce: string): Promise<void> {
  const lease = leaseFrom(freshNonce(broker), broker.clock.now(), broker.limits);
  const renewal = await broker.store.steal(shard, { seen: nonce, lease });
  if (renewal.kind === 'stolen') await lead(broker, { head: renewal.head, lease, takeover: false });
}

/** What one sweep found. */
export type Swept = {
  /** How many shards it looked at. */
  readonly shards: number;
  /** How many it had no time for. */
  readonly left: number;
  /** How many it failed at, and tables of which it could not read what is due. */
  readonly failed: number;
};

/**
 * Looks at every shard that was rung or wants a turn: what a crash left undone is done, what is idle is crossed off.
 * The oldest come first. Where more is due than one look at the index shows, it looks again, for as long as there is
 * time; what is left then is the next sweep's.
 */
export async function sweep(broker: Broker): Promise<Swept> {
  const { clock, meter } = broker;
  const giveUpAt = clock.now() + SWEEP_MS;
  const minute = minuteOf(clock.now());
  meter('sweepRan', 1);
  await measureWatched(broker);
  const seen = new Set<string>();
  const unread = new Set<string>();
  const onUnread: OnUnread = (table, error) => {
    if (!unread.has(table)) broker.log('due shards not read', { table }, error);
    unread.add(table);
  };
  let [shards, left, failed] = [0, 0, 0];
  for (let limit = SWEEP_DUES, isAll = false; !isAll && left === 0; limit *= 2) {
    const dues = await broker.store.due(minute, limit, onUnread);
    isAll = dues.length < limit;
    // What could not be crossed off is listed again, before the rest: the next look has to reach beyond it.
    const fresh = dues.filter((due) => !seen.has(nameOf(due)));
    const byShard = Map.groupBy(fresh, ({ shard }) => shard);
    const inspected = await inspectAll(broker, [...byShard], giveUpAt);
    left = inspected.left;
    failed += inspected.failed;
    shards += byShard.size - left;
    for (const due of fresh) seen.add(nameOf(due));
  }
  if (shards > 0) meter('sweepShards', shards);
  if (left > 0) {
    broker.log('sweep unfinished', { shards, left });
    meter('sweepLeft', left);
  }
  failed += unread.size;
  if (failed > 0) meter('sweepFailed', failed);
  return { shards, left, failed };
}

function nameOf({ kind, minute, shard }: Due): string {
  return `${kind} ${minute} ${shard}`;
}

/** @returns how many there was no time for, and how many of the others failed */
async function inspectAll(
  broker: Broker,
  byShard: readonly (readonly [shard: string, dues: readonly Due[]])[],
  giveUpAt: number,
): Promise<Pick<Swept, 'left' | 'failed'>> {
  const left = byShard.values();
  let [done, failed] = [0, 0];
  const lane = async () => {
    while (broker.clock.now() < giveUpAt) {
      const next = left.next();
      if (next.done) return;
      done++;
      if (!(await inspectSafely(broker, ...next.value))) failed++;
    }
  };
  await Promise.all(Array.from({ length: SHARDS_AT_ONCE }, lane));
  return { left: byShard.length - done, failed };
}

/** @returns false if it failed */
async function inspectSafely(broker: Broker, shard: string, dues: readonly Due[]): Promise<boolean> {
  try {
    await inspect(broker, shard, dues);
    return true;
  } catch (error) {
    broker.log('sweep failed', { shard }, asBrokerError(error));
    return false;
  }
}

async function measureWatched(broker: Broker): Promise<void> {
  for (const name of broker.watched) {
    try {
      const { depth, oldestAgeSeconds } = await describeQueue(broker, name);
      broker.meter('depth', depth, shardOf(name));
      broker.meter('ageOfOldestMs', oldestAgeSeconds * 1000, shardOf(name));
    } catch (error) {
      const failure = asBrokerError(error);
      // A queue that nobody used yet is not there.
      if (failure.code !== 'NOT_FOUND') broker.log('watch failed', { shard: shardOf(name) }, failure);
    }
  }
}

async function inspect(broker: Broker, shard: string, dues: readonly Due[]): Promise<void> {
  const isWanted = dues.some(({ kind }) => kind === 'wake');
  const head = await broker.store.readHead(shard);
  if (head) await finish(broker, head, isWanted);
  const after = await broker.store.readHead(shard);
  for (const due of dues) {
    if (due.kind === 'ring' && after && !(await isIdle(broker, after))) continue;
    // No turn put another one down, by a clock that was behind, or since it is under way still: it stays.
    if (due.kind === 'wake' && after && viewHead(broker, after).countsOn(due.minute)) continue;
    if (!(await broker.store.clearDue(due, after?.rings ?? 0))) await warnOfTwo(broker, due, after);
  }
}

/** Code that kept no record of homes may have left a second head in another group: its messages wait there. */
async function warnOfTwo(broker: Broker, { shard, group }: Due, head: Head | undefined): Promise<void> {
  if (group === undefined || !head) return;
  const home = (await broker.store.groups?.homeOf(shard))?.group;
  if (home !== undefined && home !== group) broker.log('shard in two groups', { shard, home, also: group });
}

async function isIdle(broker: Broker, head: Head): Promise<boolean> {
  // A crash may have come between a queue's first message and its record.
  const queue = isTopic(head.shard) ? undefined : queueOf(head.shard);
  if (queue !== undefined && !(await isRecorded(broker, queue))) await recordQueue(broker, queue);
  return !viewHead(broker, head).hasWork;
}

/** @param isWanted a turn is wanted now: one that is under way may have been decided before, so that it is rung for */
async function finish(broker: Broker, head: Head, isWanted: boolean): Promise<void> {
  if (head.lease && !isWanted) {
    if (!isDead(head.lease, broker.clock.now(), broker.epoch, broker.limits)) return;
    const stolen = await stealIfDead(broker, head, freshNonce(broker));
    if (stolen) await lead(broker, stolen);
    return;
  }
  if (isWanted || head.inbox.length > 0 || viewHead(broker, head).hasWork) await wake(broker, head.shard);
}
