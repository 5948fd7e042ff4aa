import type { PushOutcome } from '../../shard/conclude/conclude.ts';
import { oldestSince } from '../../shard/conclude/wake-up.ts';
import type { PlannedDelivery } from '../../shard/plan/deal.ts';
import { total } from '../../shard/state/draft.ts';
import type { Counts, State } from '../../shard/state/state.ts';
import type { Broker } from '../broker.ts';

/** What of a shard's counts is a metric. A purge is somebody's wish, and no sign of anything. */
const counted = ['sent', 'acknowledged', 'deadLettered', 'expired', 'dropped'] as const satisfies (keyof Counts)[];

/** Measures a commit that went through, by what it made of the state: one that was refused did nothing. */
export function measureCommit({ clock, meter }: Broker, shard: string, before: State, after: State): void {
  for (const name of counted) {
    const added = after.counts[name] - before.counts[name];
    if (added > 0) meter(name, added, shard);
  }
  const missing = total(after.apart) - total(before.apart);
  if (missing > 0) meter('missing', missing, shard);
  const since = oldestSince(after);
  if (since !== undefined) meter('ageOfOldestMs', Math.max(0, clock.now() - since * 1000), shard);
}

/**
 * Measures what went out: pushes that arrived, and what pulls are answered with.
 * @param expired sequences that stayed behind
 */
export function measureDeliveries(
  broker: Broker,
  shard: string,
  deliveries: Iterable<readonly [PlannedDelivery, PushOutcome]>,
  expired: ReadonlySet<number>,
): void {
  const sent = [...deliveries].flatMap(([{ messages }, outcome]) => (outcome === 'sent' ? messages : []));
  const arrived = expired.size > 0 ? sent.filter(({ sequence }) => !expired.has(sequence)) : sent;
  measureArrived(broker, shard, arrived.length, countRedelivered(arrived));
}

/** @param again how many of those that arrived may have been delivered before */
export function measureArrived({ meter }: Broker, shard: string, arrived: number, again: number): void {
  if (arrived > 0) meter('delivered', arrived, shard);
  if (again > 0) meter('redelivered', again, shard);
}

export function countRedelivered(messages: readonly { readonly redelivered: boolean }[]): number {
  return messages.filter(({ redelivered }) => redelivered).length;
}

/** A commit was refused: another master had taken the lease. What this one pushed may go out again. */
export function measureLostLease(broker: Broker, shard: string, nonce: string): void {
  broker.log('lease lost', { shard, nonce });
  broker.meter('lostLeases', 1, shard);
}
