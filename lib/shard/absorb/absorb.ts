import type { DeliveryRange, Entry, LeaveReason } from '../codec/entry.ts';
import { further, isDueToKeep } from '../conclude/keep-alive.ts';
import { landMarked, landUpTo, landUpToId, type Rejected, recallMarked, rejectUpToId } from '../state/cumulative.ts';
import { dropReady, mayHaveCopy, rememberCopy } from '../state/discard.ts';
import { type Context, type Draft, type Lookup, total } from '../state/draft.ts';
import {
  bury,
  clearSuspects,
  dismiss,
  type Ending,
  endDelivery,
  extendFlights,
  landFlights,
  passDeadlines,
} from '../state/flights.ts';
import { endOf } from '../state/ranges.ts';
import { keptAlive, type Reference } from '../state/reference.ts';
import type { Flight, Returned } from '../state/state.ts';
import { admit, admitForward, admitRejection, hasLeft, rememberLeft } from './repeats.ts';
import { endInterruptedPushes, suspect } from './takeover.ts';

/**
 * Takes the inbox into the state. Messages get their sequences by inbox position; what ends deliveries follows, so
 * that after a takeover it also finds those that a dead master pushed and never committed.
 * @returns keys of pages that must be read first, in which case the draft is of no use; else an empty list
 */
export function absorb(draft: Draft, entries: readonly Entry[], lookup: Lookup, context: Context): readonly string[] {
  bury(draft, context);
  for (const entry of entries) arrive(draft, entry, context);
  if (context.takeover) {
    const late = passDeadlines(draft, context, 'late');
    const unread = suspect(draft, entries, late, lookup, context);
    if (unread.length > 0) return unread;
    draft.isAbsorbedAgain = true;
  }
  for (const entry of entries) end(draft, entry, context);
  if (context.takeover) endInterruptedPushes(draft);
  // What a connection acknowledged before its process died is acknowledged.
  if (context.epoch !== '') evictDeadConnections(draft, context);
  turnAway(draft, context);
  passDeadlines(draft, context, 'counted');
  draft.isAbsorbedAgain = false;
  bury(draft, context);
  return [];
}

/** A connection of an earlier process died with it; that is the broker's death, and does not count. */
function evictDeadConnections(draft: Draft, context: Context): void {
  const dead = draft.consumers.filter((c) => c.connection !== '' && !c.connection.startsWith(context.epoch));
  if (dead.length === 0) return;
  const numbers = new Set(dead.map((consumer) => consumer.number));
  dismiss(draft, (number) => numbers.has(number), 'unanswered');
}

/** Who came last finds no room: the state stays bounded, whatever becomes of those who are told so. */
function turnAway(draft: Draft, { limits }: Context): void {
  if (draft.consumers.length <= limits.consumersPerShard) return;
  const connected = draft.consumers.filter((consumer) => consumer.connection !== '');
  const beyond = new Set(connected.slice(limits.consumersPerShard).map((consumer) => consumer.number));
  if (beyond.size > 0) dismiss(draft, (number) => beyond.has(number), 'uncounted');
}

/** What adds to the shard: messages, consumers, pulls; and a purge, which takes away what came before it. */
function arrive(draft: Draft, entry: Entry, context: Context): void {
  switch (entry.kind) {
    case 'send':
      arriveMessages(draft, entry);
      return;
    case 'forward':
      arriveForward(draft, entry, context);
      return;
    case 'join':
      arriveConsumer(draft, entry, context);
      return;
    case 'receive':
      // One that may have been served is not served again: its caller looks for what he got, and asks anew.
      if (admit(draft, entry) !== 'new') return;
      draft.pulls.push({ id: entry.id, max: entry.max, deadline: entry.deadline });
      return;
    case 'purge':
      if (admit(draft, entry) !== 'repeat') purge(draft, context);
      return;
    case 'kept-alive':
      noteKeepAlive(draft, entry, context);
  }
}

/** A page that was written meanwhile may list what was not kept alive. */
function noteKeepAlive(draft: Draft, { upTo, born, seen }: Entry & { kind: 'kept-alive' }, { limits }: Context): void {
  const keepOne = (r: Reference) => (endOf(r) <= upTo && isDueToKeep(r.born, born, limits) ? keptAlive(r, born) : r);
  draft.references = draft.references.map(keepOne);
  draft.held = draft.held.map(keepOne);
  const keepAlive = further(draft.keepAlive, { upTo, born, seen });
  const isLeft = (r: Reference) => isDueToKeep(r.born, keepAlive.born, limits);
  draft.keepAlive = draft.references.some(isLeft) || draft.held.some(isLeft) ? keepAlive : undefined;
}

/** What is apart goes as well, and what its target refused: nobody may ever take it. */
function purge(draft: Draft, context: Context): void {
  draft.counts.purged += dropReady(draft, context) + total(draft.apart);
  draft.apart = [];
  if (!draft.forwardRetry) return;
  draft.counts.purged += total(draft.outgoing);
  draft.outgoing = [];
  draft.forwardRetry = undefined;
}

function arriveMessages(draft: Draft, entry: Entry & { kind: 'send' }): void {
  const admission = admit(draft, entry);
  const isKnown = (reference: Reference) => reference.level === 0 && reference.key === entry.key;
  // A first attempt may come so late that its repeats are forgotten.
  if (admission === 'repeat' || draft.references.some(isKnown) || draft.held.some(isKnown)) return;
  const flagged = admission === 'untold';
  if (flagged) rememberCopy(draft, entry.key);
  const whole = total(entry.runs);
  let offset = 0;
  for (const { count, transient, expires } of entry.runs) {
    const { key, born, sizeBytes } = entry;
    addFresh(draft, {
      ...{ key, count, offset, expires, born, transient, flagged, shared: false },
      ...(sizeBytes === undefined ? {} : { sizeBytes }),
      ...(offset > 0 ? { before: offset } : {}),
      ...(whole > offset + count ? { after: whole - offset - count } : {}),
    });
    offset += count;
  }
}

function arriveForward(draft: Draft, entry: Entry & { kind: 'forward' }, { bodiesExpire }: Context): void {
  const { key, born, sizeBytes } = entry;
  const isKnown = (reference: Reference) => reference.level === 0 && reference.key === key;
  if (draft.references.some(isKnown) || draft.held.some(isKnown)) return;
  const admitted = entry.numbers.flatMap((number, offset) => {
    const admission = admitForward(draft, entry, number);
    return admission === 'repeat' ? [] : [{ offset, flagged: admission === 'untold' }];
  });
  // Whoever forwards again brings the bodies anew, under a key of its own.
  if (admitted.length === 0 && !bodiesExpire) draft.spent.push(key);
  // Where repeats were left out, or flags differ, one batch has several references.
  for (let at = 0; at < admitted.length; ) {
    const { offset, flagged } = admitted[at] as { offset: number; flagged: boolean };
    let end = at + 1;
    while (admitted[end]?.offset === offset + end - at && admitted[end]?.flagged === flagged) end++;
    addFresh(draft, {
      ...{ key, count: end - at, offset, expires: 0, born, transient: false, flagged, shared: false },
      ...(sizeBytes === undefined ? {} : { sizeBytes }),
      ...(at > 0 ? { before: at } : {}),
      ...(admitted.length > end ? { after: admitted.length - end } : {}),
    });
    at = end;
  }
}

function addFresh(draft: Draft, reference: Omit<Reference, 'level' | 'first'>): void {
  draft.references.push({ level: 0, first: draft.next, ...reference });
  draft.next += reference.count;
  draft.counts.sent += reference.count;
}

function arriveConsumer(draft: Draft, entry: Entry & { kind: 'join' }, context: Context): void {
  const isKnown = hasLeft(draft, entry.id) || draft.consumers.some((consumer) => consumer.id === entry.id);
  if (admit(draft, entry) === 'repeat' || isKnown) return;
  const { id, connection, subscription, ack, prefetch } = entry;
  const seen = Math.floor(context.now / 1000);
  const patience = Math.floor(context.limits.probeMs / 1000);
  const number = draft.nextConsumer++;
  draft.consumers.push({ number, id, connection, subscription, ack, prefetch, seen, patience });
}

/** What ends deliveries, or puts off their end. */
function end(draft: Draft, entry: Entry, context: Context): void {
  // Of a shard of this name that was deleted: its sequences are not those of this one.
  if ('incarnation' in entry && entry.incarnation !== draft.incarnation) return;
  switch (entry.kind) {
    case 'acknowledge':
      for (const delivery of entry.deliveries) acknowledge(draft, delivery);
      return;
    case 'reject':
      for (const delivery of entry.deliveries) reject(draft, delivery);
      return;
    case 'acknowledge-up-to':
      acknowledgeUpTo(draft, entry.sequence, entry.deliveryAttempt);
      return;
    case 'reject-up-to':
      endAll(draft, landUpTo(draft, entry.sequence, entry.deliveryAttempt));
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

function reject(draft: Draft, delivery: DeliveryRange): void {
  endAll(draft, landFlights(draft, delivery));
  // What was lost with its connection is back already, and so is what a delivery before this one left.
  const isOfThis = ({ attempt, lost }: Returned) => !lost && attempt === delivery.attempt;
  for (const range of clearSuspects(draft, delivery, isOfThis)) {
    endDelivery(draft, { ...range, consumer: 0, pushing: false, deadline: 0 }, 'counted');
  }
}

function endAll(draft: Draft, flights: readonly Flight[]): void {
  for (const flight of flights) endDelivery(draft, flight, 'counted');
}

type ByMessage = Entry & { readonly kind: 'acknowledge-message' | 'reject-message' };

function endMessage(draft: Draft, entry: ByMessage, context: Context): void {
  const consumer = draft.consumers.find((candidate) => candidate.id === entry.consumer);
  const inBatch = (r: Reference) => r.key === entry.key && entry.index >= r.offset && entry.index < r.offset + r.count;
  // A message that came twice, and nobody knew, lies in two places.
  const places = draft.held.filter(inBatch).map((reference) => {
    const sequence = reference.first + entry.index - reference.offset;
    const isNamed = (f: Flight) => f.consumer === consumer?.number && sequence >= f.first && sequence < endOf(f);
    return { sequence, flagged: reference.flagged, flight: draft.flights.find(isNamed) };
  });
  const place = places.find(({ flight }) => flight) ?? places[0];
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
    if (entry.upTo) rejectAll(draft, rejectUpToId(draft, named, hasCopies));
    else endAll(draft, landFlights(draft, named));
    return;
  }
  const landed = entry.upTo ? landUpToId(draft, named, hasCopies, context) : landFlights(draft, named);
  draft.counts.acknowledged += total(landed);
}

/** What is to be done for an answer whose message is not with its consumer any more. */
function endWithoutName(draft: Draft, { kind }: ByMessage, consumer: number, context: Context): void {
  if (kind === 'acknowledge-message') recallMarked(draft, consumer, context);
  else rejectAll(draft, { meant: [], perhaps: landMarked(draft, consumer) });
}

function rejectAll(draft: Draft, { meant, perhaps }: Rejected): void {
  endAll(draft, meant);
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
