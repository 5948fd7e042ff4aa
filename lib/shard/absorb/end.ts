import type { DeliveryRange, Entry, LeaveReason, Requeue, Settle } from '../codec/entry.ts';
import { landMarked, landUpTo, landUpToId, type Rejected, recallMarked, rejectUpToId } from '../state/cumulative.ts';
import { mayHaveCopy } from '../state/discard.ts';
import { type Context, type Draft, total } from '../state/draft.ts';
import {
  clearSuspects,
  dismiss,
  type Ending,
  endDelivery,
  endRejected,
  extendFlights,
  landFlights,
  rejectReturned,
} from '../state/flights.ts';
import { endOf } from '../state/ranges.ts';
import type { Reference } from '../state/reference.ts';
import type { Flight, Returned } from '../state/state.ts';
import { admitRejection, rememberLeft } from './repeats.ts';

/** Applies what ends deliveries, or puts off their end. */
export function end(draft: Draft, entry: Entry, context: Context): void {
  // Of a shard of this name that was deleted: its sequences are not those of this one.
  if ('incarnation' in entry && entry.incarnation !== draft.incarnation) return;
  switch (entry.kind) {
    case 'acknowledge':
      for (const delivery of entry.deliveries) acknowledge(draft, delivery);
      return;
    case 'reject':
      for (const delivery of entry.deliveries) reject(draft, delivery, entry.requeue, context);
      return;
    case 'acknowledge-up-to':
      acknowledgeUpTo(draft, entry.sequence, entry.deliveryAttempt);
      return;
    case 'reject-up-to':
      rejectUpTo(draft, entry, context);
      return;
    case 'acknowledge-message':
      endMessage(draft, entry, context);
      return;
    case 'reject-message':
      if (admitRejection(draft, entry)) endMessage(draft, entry, context);
      return;
    case 'extend':
      for (const delivery of entry.deliveries) extendFlights(draft, delivery, entry.deadline);
      return;
    case 'leave':
      leave(draft, entry);
      return;
  }
}

function acknowledge(draft: Draft, delivery: DeliveryRange): void {
  const landed = total(landFlights(draft, delivery)) + total(clearSuspects(draft, delivery));
  draft.counts.acknowledged += landed;
  if (landed < delivery.count) draft.early += countReady(draft, delivery);
}

/** Where its last delivery is over already, an acknowledgement of that still counts, as any other does. */
function acknowledgeUpTo(draft: Draft, sequence: number, attempt: number): void {
  const landed = landUpTo(draft, sequence, attempt);
  const ended = landed.length > 0 ? landed : clearSuspects(draft, { first: sequence, count: 1, attempt });
  draft.counts.acknowledged += total(ended);
}

/** Where its last delivery is over already, that alone is rejected. */
function rejectUpTo(draft: Draft, entry: Settle & { kind: `${string}-up-to` }, context: Context): void {
  const { sequence: first, deliveryAttempt: attempt, requeue } = entry;
  const landed = landUpTo(draft, first, attempt);
  if (landed.length === 0) reject(draft, { first, count: 1, attempt }, requeue, context);
  else endAll(draft, landed, requeue, context);
}

/** How many of these messages are still ready here: a push that is not committed yet is acknowledged already. */
function countReady(draft: Draft, delivery: DeliveryRange): number {
  let count = 0;
  for (const reference of draft.references) {
    count += Math.max(0, Math.min(endOf(reference), endOf(delivery)) - Math.max(reference.first, delivery.first));
  }
  for (const range of draft.returned) {
    if (range.attempt >= delivery.attempt) continue;
    count += Math.max(0, Math.min(endOf(range), endOf(delivery)) - Math.max(range.first, delivery.first));
  }
  return count;
}

function reject(draft: Draft, delivery: DeliveryRange, requeue: Requeue | undefined, context: Context): void {
  endAll(draft, landFlights(draft, delivery), requeue, context);
  // What a delivery before this one left is back already.
  const isOfThis = ({ attempt }: Returned) => attempt === delivery.attempt;
  for (const range of clearSuspects(draft, delivery, isOfThis)) {
    if (range.lost && !range.suspect) rejectReturned(draft, range, requeue, context);
    else endRejected(draft, { ...range, consumer: 0, pushing: false, deadline: 0 }, requeue, context);
  }
}

function endAll(draft: Draft, flights: readonly Flight[], requeue: Requeue | undefined, context: Context): void {
  for (const flight of flights) endRejected(draft, flight, requeue, context);
}

type ByMessage = Settle & { readonly kind: 'acknowledge-message' | 'reject-message' };

/** Where a message lies that is named by its id, and where it is in flight. */
function placesOf(draft: Draft, { consumer: id, key, index }: ByMessage) {
  const consumer = draft.consumers.find((candidate) => candidate.id === id);
  const inBatch = (r: Reference) => r.key === key && index >= r.offset && index < r.offset + r.count;
  // A message that came twice, and nobody knew, lies in two places.
  const places = draft.held.filter(inBatch).map((reference) => {
    const sequence = reference.first + index - reference.offset;
    const isNamed = (f: Flight) => f.consumer === consumer?.number && sequence >= f.first && sequence < endOf(f);
    return { sequence, flagged: reference.flagged, flight: draft.flights.find(isNamed) };
  });
  return { consumer, places, place: places.find(({ flight }) => flight) ?? places[0] };
}

/** The delivery that a message id names; undefined if it is not with its consumer any more. */
export function inFlightOf(draft: Draft, settle: ByMessage): Flight | undefined {
  return placesOf(draft, settle).place?.flight;
}

function endMessage(draft: Draft, entry: Entry & ByMessage, context: Context): void {
  const { consumer, places, place } = placesOf(draft, entry);
  if (!consumer) return;
  if (!place?.flight) {
    if (place && entry.kind === 'acknowledge-message') acknowledgeLast(draft, place.sequence);
    if (entry.upTo) endWithoutName(draft, entry, consumer.number, context);
    return;
  }
  const { sequence, flagged, flight } = place;
  const named = { first: sequence, count: 1, attempt: flight.attempt };
  const hasCopies = flagged || places.length > 1 || mayHaveCopy(draft, entry.key);
  if (entry.kind === 'reject-message') {
    if (entry.upTo) rejectAll(draft, rejectUpToId(draft, named, hasCopies), entry.requeue, context);
    else endAll(draft, landFlights(draft, named), entry.requeue, context);
    return;
  }
  const landed = entry.upTo ? landUpToId(draft, named, hasCopies, context) : landFlights(draft, named);
  draft.counts.acknowledged += total(landed);
}

/** What is to be done for an answer whose message is not with its consumer any more. */
function endWithoutName(draft: Draft, { kind }: ByMessage, consumer: number, context: Context): void {
  if (kind === 'acknowledge-message') recallMarked(draft, consumer, context);
  else rejectAll(draft, { meant: [], perhaps: landMarked(draft, consumer) }, undefined, context);
}

/** What may not have been meant is ready again at once. */
function rejectAll(draft: Draft, { meant, perhaps }: Rejected, requeue: Requeue | undefined, context: Context): void {
  endAll(draft, meant, requeue, context);
  for (const flight of perhaps) endDelivery(draft, flight, 'unanswered');
}

/** An acknowledgement by message id names no attempt: it is of the last one, if that may be answered still. */
function acknowledgeLast(draft: Draft, sequence: number): void {
  const ready = draft.returned.find((range) => sequence >= range.first && sequence < endOf(range));
  if (ready) acknowledge(draft, { first: sequence, count: 1, attempt: ready.attempt });
}

function leave(draft: Draft, entry: Entry & { kind: 'leave' }): void {
  rememberLeft(draft, entry.consumer);
  draft.pulls = draft.pulls.filter((pull) => pull.id !== entry.consumer);
  const consumer = draft.consumers.find((candidate) => candidate.id === entry.consumer);
  if (consumer) dismiss(draft, (number) => number === consumer.number, endings[entry.reason]);
}

const endings = { lost: 'lost', unsubscribed: 'uncounted', unanswered: 'unsent' } as const satisfies Record<
  LeaveReason,
  Ending
>;
