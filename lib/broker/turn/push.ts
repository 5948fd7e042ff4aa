import { leastPushMs } from '../../model/limits.ts';
import type { PushOutcome } from '../../shard/conclude/conclude.ts';
import type { PlannedDelivery } from '../../shard/plan/deal.ts';
import { isExpired } from '../../shard/plan/expiry.ts';
import type { Turn } from '../../shard/turn.ts';
import type { Broker } from '../broker.ts';
import type { Member } from './audience.ts';
import { deliveryOf, stampOf } from './deliveries.ts';
import { fanOut, type HeldLease } from './fan-out.ts';

/** Pushes that come before the commit, and those that come after it. Pulls are answered, not pushed. */
export function byOrderOfCommit(turn: Turn): [PlannedDelivery[], PlannedDelivery[]] {
  const pushes = turn.deliveries.filter((delivery) => delivery.consumer.connection !== '');
  return [pushes.filter((delivery) => !delivery.commitFirst), pushes.filter((delivery) => delivery.commitFirst)];
}

/** What became of pushes, and the mastership after them. */
export type Pushed = HeldLease & Sent;

type Sent = { readonly pushed: Map<PlannedDelivery, PushOutcome>; readonly expired: Set<number> };

/**
 * Pushes what was planned, to a topic's members or to the consumers that it names.
 * @returns undefined if the lease was lost on the way
 */
export async function push(
  broker: Broker,
  held: HeldLease,
  turn: Turn,
  deliveries: readonly PlannedDelivery[],
  members: readonly Member[] | undefined,
): Promise<Pushed | undefined> {
  const [planned] = deliveries;
  if (!members || !planned) return { ...held, ...(await pushAll(broker, held, turn, deliveries)) };
  const { shard } = held.head;
  const stamp = stampOf(turn, planned.consumer.ack);
  const given = planned.messages.map((message) => deliveryOf(shard, stamp, message));
  const { incarnation } = turn.draft;
  const after = await fanOut(broker, held, { planned, deliveries: given, incarnation, members });
  return after && { ...after, pushed: new Map([[planned, 'sent']]), expired: new Set() };
}

/** Until when what cannot be fenced may begin, in milliseconds since the epoch. */
export function heldUntil({ head, nonce }: HeldLease): number {
  return head.lease?.nonce === nonce ? head.lease.until : 0;
}

/** Connections in parallel; to one connection, one delivery after the other. */
async function pushAll(
  broker: Broker,
  { head, nonce }: HeldLease,
  turn: Turn,
  deliveries: readonly PlannedDelivery[],
): Promise<Sent> {
  const sent: Sent = { pushed: new Map(), expired: new Set() };
  const byConnection = Map.groupBy(deliveries, (delivery) => delivery.consumer.connection);
  const until = heldUntil({ head, nonce });
  await Promise.all(
    [...byConnection.values()].map(async (mine) => {
      for (const delivery of mine) await pushOne(broker, head.shard, until, turn, delivery, sent);
    }),
  );
  return sent;
}

/** The consumers of what did not leave. Each is tried again a while later, not at once. */
export function heldUp(pushed: ReadonlyMap<PlannedDelivery, PushOutcome>): readonly string[] {
  return [...pushed].flatMap(([{ consumer }, outcome]) => (outcome === 'unsent' ? [consumer.id] : []));
}

/**
 * A push cannot be fenced: it is not begun, and not waited for, beyond the lease. What has expired since the turn was
 * decided stays behind, and holds up nothing else.
 */
async function pushOne(
  { clock, leavers, limits, outlet }: Broker,
  shard: string,
  until: number,
  turn: Turn,
  delivery: PlannedDelivery,
  { pushed, expired }: Sent,
): Promise<void> {
  const { consumer, messages } = delivery;
  const leftMs = until - clock.now();
  // This invocation may have stood still since the turn was decided.
  if (leavers.has(consumer.id) || leftMs < leastPushMs(limits)) {
    pushed.set(delivery, 'unsent');
    return;
  }
  const timeoutMs = Math.min(limits.postMs, leftMs);
  const date = clock.date();
  for (const { message, sequence } of messages) if (isExpired(message, date)) expired.add(sequence);
  const living = messages.filter(({ sequence }) => !expired.has(sequence));
  if (living.length === 0) return;
  const deliveries = living.map((message) => deliveryOf(shard, stampOf(turn, consumer.ack), message));
  pushed.set(delivery, await outlet.deliver(consumer.connection, consumer.subscription, deliveries, timeoutMs));
}
