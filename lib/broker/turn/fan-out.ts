import type { Delivery } from '../../model/message.ts';
import type { PlannedDelivery } from '../../shard/plan/deal.ts';
import { isExpired } from '../../shard/plan/expiry.ts';
import type { Head } from '../../store/port.ts';
import type { Broker } from '../broker.ts';
import { stateOfHead } from '../shards.ts';
import { leaveAudience, type Member } from './audience.ts';
import { commitTurn } from './commit.ts';
import { countRedelivered, measureArrived } from './measure.ts';

/** A mastership as it is now: each renewal changes it. */
export type HeldLease = { readonly head: Head; readonly nonce: string };

/** A topic's messages on their way to its audience. */
export type FanOut = {
  readonly planned: PlannedDelivery;
  /** `planned.messages`, one by one, as their receivers get them. */
  readonly deliveries: readonly Delivery[];
  readonly incarnation: string;
  readonly members: readonly Member[];
};

/**
 * Gives every member of an audience its messages: connections in parallel, to one connection one post after the other.
 * The lease is renewed on the way, so that an audience may be larger than what a lease has time for.
 * @returns undefined if the lease was lost: another master goes on, and pushes again what is not committed
 */
export async function fanOut(broker: Broker, held: HeldLease, fan: FanOut): Promise<HeldLease | undefined> {
  const lease = new LeaseKeeper(broker, held);
  // Those who are addressed alike get the same octets, and come one after the other.
  const inOrder = [...fan.members].sort(byAddress);
  const connections = Map.groupBy(inOrder, (member) => member.connection).values();
  const gone: string[] = [];
  let isLost = false;
  let arrived = 0;
  let again = 0;
  const work = async () => {
    for (const members of connections) {
      for (const member of members) {
        const leftMs = await lease.leftMs();
        isLost ||= leftMs <= 0;
        if (isLost) return;
        const { connection, subscription, consumer } = member;
        const mine = deliveriesFor(member, fan, broker.clock.date());
        const timeoutMs = Math.min(broker.limits.postMs, leftMs);
        if (mine.length === 0 || broker.leavers.has(consumer)) continue;
        if (await broker.outlet.feed(connection, subscription, mine, timeoutMs)) {
          arrived += mine.length;
          again += countRedelivered(mine);
        } else {
          gone.push(consumer);
        }
      }
    }
  };
  const workers = Math.min(broker.limits.postsAtOnce, fan.members.length);
  const ended = await Promise.allSettled(Array.from({ length: workers }, work));
  // A post that is begun is waited for, whatever becomes of the others.
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
  measureArrived(broker, held.head.shard, arrived, again);
  if (gone.length > 0) await leaveAudience(broker, held.head.shard, gone);
  return isLost ? undefined : lease.held;
}

function byAddress({ subscription: a }: Member, { subscription: b }: Member): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** What was sent before the member subscribed is not for it, and what has expired on the way is for nobody. */
function deliveriesFor({ incarnation, from }: Member, fan: FanOut, date: number): readonly Delivery[] {
  const { messages } = fan.planned;
  const first = incarnation === fan.incarnation ? from : 0;
  const mine = fan.deliveries.filter(
    ({ message }, i) => (messages[i]?.sequence ?? 0) >= first && !isExpired(message, date),
  );
  return mine.length === fan.deliveries.length ? fan.deliveries : mine;
}

/** Renews a lease once half of its time is over. The state stays as it is: no push is committed by that. */
class LeaseKeeper {
  readonly #broker: Broker;
  held: HeldLease | undefined;
  #renewing: Promise<void> | undefined;

  constructor(broker: Broker, held: HeldLease) {
    this.#broker = broker;
    this.held = held;
  }

  /** The time for which the lease is sure to hold, in milliseconds; 0 if it is another's. */
  async leftMs(): Promise<number> {
    if (this.#leftMs() < this.#broker.limits.leaseMs / 2) {
      this.#renewing ??= this.#renew().finally(() => {
        this.#renewing = undefined;
      });
      await this.#renewing;
    }
    return this.#leftMs();
  }

  #leftMs(): number {
    const { head, nonce } = this.held ?? {};
    return head?.lease && head.lease.nonce === nonce ? head.lease.until - this.#broker.clock.now() : 0;
  }

  async #renew(): Promise<void> {
    if (!this.held) return;
    const { head, nonce } = this.held;
    const none = { wake: undefined, wakeAt: undefined, awaitedAt: undefined, more: false };
    const unchanged = { state: stateOfHead(head), pages: [], discard: [], ...none };
    const renewed = await commitTurn(this.#broker, head, nonce, unchanged, { absorbed: 0, releaseAt: undefined });
    this.held = renewed?.nonce === undefined ? undefined : { head: renewed.head, nonce: renewed.nonce };
  }
}
