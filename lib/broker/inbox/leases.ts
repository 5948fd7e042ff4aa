import { isDead, leaseFrom } from '../../shard/state/lease.ts';
import type { Head, Lease } from '../../store/port.ts';
import type { Broker } from '../broker.ts';

/** The right to take turns, with the head as it was when it was won. */
export type Mastership = {
  readonly head: Head;
  readonly lease: Lease;
  /** True if the one before died: what it might have pushed is suspect. */
  readonly takeover: boolean;
};

/** A nonce for one election or one renewal. */
export function freshNonce(broker: Broker): string {
  return broker.epoch + broker.random.id();
}

/** Waits between tries: doubling, with full jitter, up to a second. */
export function backOff({ clock, random }: Broker, tries: number): Promise<void> {
  return clock.sleep(random.fraction() * Math.min(1000, 10 * 2 ** tries));
}

/** Takes the lease of a master that died. @throws what the store throws: then nobody knows who has it */
export async function stealIfDead(broker: Broker, head: Head, nonce: string): Promise<Mastership | undefined> {
  const { clock, limits, epoch, store } = broker;
  if (!head.lease || !isDead(head.lease, clock.now(), epoch, limits)) return undefined;
  const lease = leaseFrom(nonce, clock.now(), limits);
  const outcome = await store.steal(head.shard, { seen: head.lease.nonce, lease });
  if (outcome.kind === 'lost') return undefined;
  broker.log('lease stolen', { shard: head.shard, from: head.lease.nonce, nonce });
  broker.meter('stolenLeases', 1, head.shard);
  return { head: outcome.head, lease, takeover: true };
}
