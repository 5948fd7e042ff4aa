import type { PushOutcome } from '../shard/conclude.ts';
import type { PlannedDelivery } from '../shard/deal.ts';
import { isExpired } from '../shard/expiry.ts';
import type { Turn } from '../shard/turn.ts';
import type { Member } from './audience.ts';
import { deliveryOf, stampOf } from './deliveries.ts';
import { fanOut, type Held } from './fan-out.ts';
import type { Broker } from './parts.ts';

/** Pushes that come before the commit, and those that come after it. Pulls are answered, not pushed. */
export function byOrderOfCommit(turn: Turn): [PlannedDelivery[], PlannedDelivery[]] {
  const pushes = turn.deliveries.filter((delivery) => delivery.consumer.connection !== '');
  return [pushes.filter((delivery) => !delivery.commitFirst), pushes.filter((delivery) => delivery.commitFirst)];
}

/** What became of pushes, and the mastership after them. */
type Pushed = Held & { readonly pushed: Map<PlannedDelivery, PushOutcome> };

/**
 * Pushes what was planned, to a topic's members or to the consumers that it names.
 * @returns undefined if the lease was lost on the way
 */
export async function push(
  broker: Broker,
  held: Held,
  turn: Turn,
  deliveries: readonly PlannedDelivery[],
  members: readonly Member[] | undefined,
): Promise<Pushed | undefined> {
  const [planned] = deliveries;
  if (!members || !planned) return { ...held, pushed: await pushAll(broker, held, turn, deliveries) };
  const { shard } = held.head;
  const stamp = stampOf(turn, planned.consumer.ack);
  const given = planned.messages.map((message) => deliveryOf(shard, stamp, message));
  const { incarnation } = turn.draft;
  const after = await fanOut(broker, held, { planned, deliveries: given, incarnation, members });
  return after && { ...after, pushed: new Map([[planned, 'sent']]) };
}

/** Connections in parallel; to one connection, one delivery after the other. */
async function pushAll(
  broker: Broker,
  { head, nonce }: Held,
  turn: Turn,
  deliveries: readonly PlannedDelivery[],
): Promise<Map<PlannedDelivery, PushOutcome>> {
  const outcomes = new Map<PlannedDelivery, PushOutcome>();
  const byConnection = Map.groupBy(deliveries, (delivery) => delivery.consumer.connection);
  const until = head.lease?.nonce === nonce ? head.lease.until : 0;
  await Promise.all(
    [...byConnection.values()].map(async (mine) => {
      for (const delivery of mine) outcomes.set(delivery, await pushOne(broker, head.shard, until, turn, delivery));
    }),
  );
  return outcomes;
}

/** What a transport did not take is tried again at the shard's next wake-up, not at once. */
export function isHeldUp(pushed: ReadonlyMap<PlannedDelivery, PushOutcome>): boolean {
  return [...pushed.values()].includes('unsent');
}

/** A push cannot be fenced: it is not begun, and not waited for, beyond the lease. */
async function pushOne(
  broker: Broker,
  shard: string,
  until: number,
  turn: Turn,
  { consumer, messages }: PlannedDelivery,
): Promise<PushOutcome> {
  const now = broker.clock.now();
  const timeoutMs = Math.min(broker.limits.postMs, until - now);
  // This invocation may have stood still since the turn was decided.
  if (timeoutMs <= 0 || messages.some(({ message }) => isExpired(message, now))) return 'unsent';
  const deliveries = messages.map((message) => deliveryOf(shard, stampOf(turn, consumer.ack), message));
  return broker.outlet.deliver(consumer.connection, consumer.subscription, deliveries, timeoutMs);
}
