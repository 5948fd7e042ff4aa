import { asBrokerError } from '../model/errors.ts';
import { isDead, leaseFrom } from '../shard/lease.ts';
import { minuteOf } from '../shard/wake-up.ts';
import type { Due, Head } from '../store/port.ts';
import { becomeMaster, freshNonce, stealIfDead } from './inbox.ts';
import { lead } from './lead.ts';
import type { Broker } from './parts.ts';
import { isRecorded, recordQueue } from './queues.ts';
import { queueOf, viewHead } from './shards.ts';

/** How many shards one sweep looks at. */
const SWEEP_SHARDS = 1000;

/** A turn for a shard whose time has come. A timer only wakes: the turn decides. */
export async function wake(broker: Broker, shard: string): Promise<void> {
  const mastership = await becomeMaster(broker, shard);
  if (mastership) await lead(broker, mastership);
}

/** A turn for a shard if there is work to see. Of several who wait for the same time, the first does it all. */
export async function look(broker: Broker, shard: string): Promise<void> {
  const head = await broker.store.readHead(shard);
  if (head && viewHead(broker, head).hasWork) await wake(broker, shard);
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
  const dues = await broker.store.due(minuteOf(broker.clock.now()), SWEEP_SHARDS);
  for (const due of dues) {
    try {
      await lookAt(broker, due);
    } catch (error) {
      broker.log('sweep failed', { shard: due.shard }, asBrokerError(error));
    }
  }
  return dues.length;
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
