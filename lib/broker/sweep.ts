import { asBrokerError } from '../model/errors.ts';
import { isDead, leaseFrom } from '../shard/lease.ts';
import { minuteOf } from '../shard/wake-up.ts';
import type { Due, Head } from '../store/port.ts';
import { becomeMaster, freshNonce, stealIfDead } from './inbox.ts';
import { lead } from './lead.ts';
import type { Broker } from './parts.ts';
import { describeQueue, isRecorded, recordQueue } from './queues.ts';
import { queueOf, shardOf, viewHead } from './shards.ts';

/** How many due shards a sweep asks for first; each time that there are more, twice as many. */
const FIRST_LOOK = 1000;
/** The next sweep begins a minute after this one. */
const SWEEP_MS = 45_000;
/** How many shards are looked at side by side. */
const LANES = 8;

/** A turn for a shard whose time has come. A timer only wakes: the turn decides. */
export async function wake(broker: Broker, shard: string): Promise<void> {
  const mastership = await becomeMaster(broker, shard);
  if (mastership) await lead(broker, mastership);
}

/**
 * Goes on with a shard that another invocation handed over, if the lease still names this one. Lambda may run one
 * dispatch twice: each takes the lease under a nonce of its own, so that only one of them finds it.
 */
export async function succeed(broker: Broker, shard: string, nonce: string): Promise<void> {
  const lease = leaseFrom(freshNonce(broker), broker.clock.now(), broker.limits);
  const renewal = await broker.store.steal(shard, { seen: nonce, lease });
  if (renewal.kind === 'stolen') await lead(broker, { head: renewal.head, lease, takeover: false });
}

/** What one sweep found: how many shards it looked at, and how many were due that it had no time for. */
export type Swept = { readonly shards: number; readonly left: number };

/**
 * Looks at every shard that was rung or wants a turn: what a crash left undone is done, what is idle is crossed off.
 * The oldest come first. Where more are due than one look at the index shows, it looks again, for as long as there is
 * time; what is left then is the next sweep's.
 */
export async function sweep(broker: Broker): Promise<Swept> {
  const { clock, meter } = broker;
  const giveUpAt = clock.now() + SWEEP_MS;
  const minute = minuteOf(clock.now());
  meter('sweepRan', 1);
  await measureWatched(broker);
  const seen = new Set<string>();
  let left = 0;
  for (let limit = FIRST_LOOK, isAll = false; !isAll && left === 0; limit *= 2) {
    const dues = await broker.store.due(minute, limit);
    // What could not be crossed off is listed again, before the rest: the next look has to reach beyond it.
    const fresh = dues.filter((due) => !seen.has(nameOf(due)));
    isAll = dues.length < limit;
    left = await lookAtAll(broker, fresh, giveUpAt);
    for (const due of fresh) seen.add(nameOf(due));
  }
  const shards = seen.size - left;
  meter('sweepShards', shards);
  if (left > 0) {
    broker.log('sweep unfinished', { shards, left });
    meter('sweepLeft', left);
  }
  return { shards, left };
}

function nameOf({ kind, minute, shard }: Due): string {
  return `${kind} ${minute} ${shard}`;
}

/** Several at a time: most of it is waiting for the store. @returns how many it had no time for */
async function lookAtAll(broker: Broker, dues: readonly Due[], giveUpAt: number): Promise<number> {
  let next = 0;
  const goOn = async () => {
    while (next < dues.length && broker.clock.now() < giveUpAt) {
      const due = dues[next++] as Due;
      try {
        await lookAt(broker, due);
      } catch (error) {
        broker.log('sweep failed', { shard: due.shard }, asBrokerError(error));
      }
    }
  };
  await Promise.all(Array.from({ length: LANES }, goOn));
  return dues.length - next;
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

async function lookAt(broker: Broker, due: Due): Promise<void> {
  const head = await broker.store.readHead(due.shard);
  if (head) await finish(broker, head, due);
  const after = await broker.store.readHead(due.shard);
  if (due.kind === 'ring' && after) {
    // A crash may have come between a queue's first message and its record.
    if (!(await isRecorded(broker, queueOf(due.shard)))) await recordQueue(broker, queueOf(due.shard));
    if (viewHead(broker, after).hasWork) return;
  }
  await broker.store.settle(due, after?.rings ?? 0);
}

async function finish(broker: Broker, head: Head, due: Due): Promise<void> {
  // A turn that is under way may have been decided before a wake-up was due, which is crossed off now: it is rung for.
  if (head.lease && due.kind === 'ring') {
    if (!isDead(head.lease, broker.clock.now(), broker.epoch, broker.limits)) return;
    const stolen = await stealIfDead(broker, head, freshNonce(broker));
    if (stolen) await lead(broker, stolen);
    return;
  }
  if (due.kind === 'wake' || head.inbox.length > 0 || viewHead(broker, head).hasWork) await wake(broker, head.shard);
}
