import type { Destination } from '../../model/destination.ts';
import { BrokerError } from '../../model/errors.ts';
import type { AckMode } from '../../model/message.ts';
import { hasLeft } from '../../shard/absorb/repeats.ts';
import type { LeaveReason } from '../../shard/codec/entry.ts';
import type { Broker } from '../broker.ts';
import { leaveShard, probeConsumers } from '../effects/probes.ts';
import { append, leadLater } from '../requests.ts';
import { shardAt, viewHead } from '../shards.ts';
import { joinAudience, leaveAudience } from '../turn/audience.ts';
import { recordQueue } from './queues.ts';

export type Subscription = {
  /** The consumer's id: fresh for each subscription, never used again. */
  readonly consumer: string;
  readonly destination: Destination;
  readonly connection: string;
  /** What the outlet needs to address deliveries to the subscription. */
  readonly subscription: string;
  readonly ack: AckMode;
  /** Messages in flight at most; more than the broker's limit gets the limit. */
  readonly prefetch: number;
};

/**
 * Adds a consumer to a queue, which is created if need be, or to the audience of a topic. Its connection's record must
 * name it already, so that the consumer is found when the connection goes.
 * @throws BrokerError LIMIT_EXCEEDED when the queue has as many consumers as it can have
 */
export async function subscribe(broker: Broker, subscription: Subscription): Promise<void> {
  if (subscription.destination.kind === 'queue') await joinQueue(broker, subscription);
  else await joinAudience(broker, shardAt(subscription.destination), subscription);
}

async function joinQueue(broker: Broker, subscription: Subscription): Promise<void> {
  const { consumer, destination, connection, ack } = subscription;
  const shard = shardAt(destination);
  const { consumersPerShard, prefetchMax } = broker.limits;
  const prefetch = Math.min(subscription.prefetch, prefetchMax);
  const request = { kind: 'join', connection, subscription: subscription.subscription, ack, prefetch } as const;
  const { head, mastership } = await append(broker, shard, [{ id: consumer, request }], { ring: true });
  if (!head.state) await recordQueue(broker, destination.name);
  leadLater(broker, mastership);
  const { draft } = viewHead(broker, head);
  // Where a turn took the join before its repeat, there may be room again by now: the consumer was turned away all the same.
  if (!draft.consumers.some(({ id }) => id === consumer) && !hasLeft(draft, consumer)) {
    await leaveShard(broker, shard, [{ id: consumer }], 'unsubscribed');
    // Some may be gone unnoticed: the next who comes finds room.
    await probeConsumers(broker, shard, draft.consumers);
    throw new BrokerError(
      'LIMIT_EXCEEDED',
      `${shard} had ${consumersPerShard} consumers when this one came, which is the most.`,
    );
  }
}

/** Takes consumers out of their queue, where what they have in flight is ready again, or out of an audience. */
export async function unsubscribe(
  broker: Broker,
  destination: Destination,
  consumers: readonly string[],
  reason: LeaveReason,
): Promise<void> {
  const shard = shardAt(destination);
  broker.leavers.add(consumers);
  try {
    if (destination.kind !== 'queue') await leaveAudience(broker, shard, consumers);
    else
      await leaveShard(
        broker,
        shard,
        consumers.map((id) => ({ id })),
        reason,
      );
  } catch (error) {
    broker.leavers.remove(consumers);
    throw error;
  }
}
