import { batchKeysOf, type Entry, type OnwardPart, type Settle } from '../codec/entry.ts';
import { hasRoomOnward } from '../plan/window.ts';
import type { Context, Draft } from '../state/draft.ts';
import { endDelivery, landFlights, mayBeAnswered } from '../state/flights.ts';
import { endOf, type Range } from '../state/ranges.ts';
import type { Flight, Onward, TransactionOutcome } from '../state/state.ts';
import { end, inFlightOf } from './end.ts';
import { addBatch } from './fresh.ts';
import { admitTransaction, shortId } from './repeats.ts';

type Transact = Entry & { readonly kind: 'transact' };

/** Whether the outcome hangs on deliveries, and not on the places of entries alone. */
export function endsDeliveries({ settles }: Transact): boolean {
  return settles.length > 0;
}

/**
 * Decides a transaction: all of it happens here and now, or nothing does. What it sends to other shards follows once a
 * commit has it.
 */
export function transact(draft: Draft, entry: Transact, context: Context): void {
  const admission = admitTransaction(draft, entry, context);
  if (admission !== 'new') {
    // The repeat brought bodies once more of which nothing came.
    if (admission === 'aborted') letGo(draft, entry, context);
    return;
  }
  draft.hasDecided ||= endsDeliveries(entry);
  const outcome = outcomeOf(draft, entry, context);
  const first = draft.nextOnward;
  if (outcome === 'committed') carryOut(draft, entry, context);
  else letGo(draft, entry, context);
  if (outcome === 'over') giveBack(draft, entry);
  const decision = { id: shortId(entry), at: context.now, outcome, first, end: draft.nextOnward };
  draft.decisions = [...draft.decisions, decision];
}

function outcomeOf(draft: Draft, entry: Transact, { limits }: Context): TransactionOutcome {
  if (!entry.settles.every((settle) => isOpen(draft, entry, settle))) return 'over';
  return hasRoomOnward(draft, entry.onward, limits) ? 'committed' : 'full';
}

function carryOut(draft: Draft, entry: Transact, context: Context): void {
  const { id, attempt, begun, settles, own, onward } = entry;
  // Each is told from the others by its id.
  for (const [i, settle] of settles.entries()) end(draft, { id: `${i} ${id}`, attempt, ...settle }, context);
  const born = Math.floor(begun / 1000);
  for (const part of own) addBatch(draft, { ...part, born }, false);
  draft.onward = [...draft.onward, ...onward.map((part) => sendOn(draft, part, born))];
}

function sendOn(draft: Draft, { target, key, offset, count }: OnwardPart, born: number): Onward {
  const number = draft.nextOnward;
  draft.nextOnward += count;
  return { target, number, count, key, offset, born };
}

/** Nothing came of it: nobody needs its bodies. */
function letGo(draft: Draft, entry: Transact, { bodiesExpire }: Context): void {
  if (!bodiesExpire) draft.spent.push(...batchKeysOf(entry));
}

/** What it was to end goes back, as if it had been rejected. @see JMS 3.1 §6.2.7 */
function giveBack(draft: Draft, entry: Transact): void {
  for (const settle of entry.settles) {
    if (!('deliveries' in settle) || settle.incarnation !== draft.incarnation) continue;
    for (const delivery of settle.deliveries) {
      if (!isTheirs(draft, entry, delivery)) continue;
      for (const flight of landFlights(draft, delivery)) endDelivery(draft, flight, 'counted');
    }
  }
}

/** Whether all that a settlement names is still its consumer's. */
function isOpen(draft: Draft, entry: Transact, settle: Settle): boolean {
  if ('incarnation' in settle && settle.incarnation !== draft.incarnation) return false;
  switch (settle.kind) {
    case 'acknowledge':
    case 'reject':
      return settle.deliveries.every((delivery) => countOpen(draft, entry, delivery) >= delivery.count);
    case 'acknowledge-up-to':
    case 'reject-up-to': {
      const { sequence: first, deliveryAttempt: attempt } = settle;
      return countOpen(draft, entry, { first, count: 1, attempt }) > 0;
    }
    case 'acknowledge-message':
    case 'reject-message':
      return inFlightOf(draft, settle) !== undefined;
  }
}

type Named = Range & { readonly attempt: number };

/** How many of these deliveries are with their consumer, or may be answered still. */
function countOpen(draft: Draft, entry: Transact, delivery: Named): number {
  const flying = draft.flights.filter((flight) => flight.attempt === delivery.attempt && isOf(draft, entry, flight));
  const ready = draft.returned.filter((range) => mayBeAnswered(range, delivery.attempt));
  return [...flying, ...ready].reduce((sum, range) => sum + overlap(range, delivery), 0);
}

function isTheirs(draft: Draft, entry: Transact, delivery: Named): boolean {
  const flying = draft.flights.filter((flight) => flight.attempt === delivery.attempt && overlap(flight, delivery) > 0);
  return flying.every((flight) => isOf(draft, entry, flight));
}

function isOf({ consumers }: Draft, { connection }: Transact, { consumer }: Flight): boolean {
  return connection === '' || consumers.some((one) => one.number === consumer && one.connection === connection);
}

function overlap(a: Range, b: Range): number {
  return Math.max(0, Math.min(endOf(a), endOf(b)) - Math.max(a.first, b.first));
}
