import { asBrokerError } from '../model/errors.ts';
import { isDead, leaseFrom } from '../shard/lease.ts';
import { minuteOf } from '../shard/wake-up.ts';
import type { Due, Head } from '../store/port.ts';
import { becomeMaster, freshNonce, stealIfDead } from './inbox.ts';
import { lead } from './lead.ts';
import type { Broker } from './parts.ts';
import { isRecorded, recordQueue } from './queues.ts';
import { isTopic, queueOf, viewHead } from './shards.ts';

/** How much of what is due one sweep looks at, and at how many shards at once: one that is slow holds up few others. */
const SWEEP_DUES = 1000;
const SHARDS_AT_ONCE = 16;

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

/**
 * Looks at every shard that was rung or wants a turn: what a crash left undone is done, what is idle is crossed off.
 * @returns how many shards were looked at
 */
export async function sweep(broker: Broker): Promise<number> {
  const dues = await broker.store.due(minuteOf(broker.clock.now()), SWEEP_DUES);
  const byShard = [...Map.groupBy(dues, ({ shard }) => shard)];
  const left = byShard.values();
  const lane = async () => {
    for (const [shard, mine] of left) await lookAtSafely(broker, shard, mine);
  };
  await Promise.all(Array.from({ length: SHARDS_AT_ONCE }, lane));
  return byShard.length;
}

async function lookAtSafely(broker: Broker, shard: string, dues: readonly Due[]): Promise<void> {
  try {
    await lookAt(broker, shard, dues);
  } catch (error) {
    broker.log('sweep failed', { shard }, asBrokerError(error));
  }
}

async function lookAt(broker: Broker, shard: string, dues: readonly Due[]): Promise<void> {
  const isWanted = dues.some(({ kind }) => kind === 'wake');
  const head = await broker.store.readHead(shard);
  if (head) await finish(broker, head, isWanted);
  const after = await broker.store.readHead(shard);
  for (const due of dues) {
    if (due.kind === 'ring' && after && !(await isIdle(broker, after))) continue;
    await broker.store.settle(due, after?.rings ?? 0);
  }
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
