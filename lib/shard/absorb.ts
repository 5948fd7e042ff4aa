import { type Context, cursorOf, type Draft, type Lookup, total } from './draft.ts';
import type { DeliveryRange, Entry } from './entry.ts';
import { further, isExtended } from './extension.ts';
import {
  bury,
  clearSuspects,
  dismiss,
  endDelivery,
  extendFlights,
  landFlights,
  landUpTo,
  passDeadlines,
} from './flights.ts';
import { dropReady } from './ready.ts';
import { endOf, extended, type Reference } from './reference.ts';
import { admit, admitForward, rememberLeft } from './repeats.ts';
import type { Flight } from './state.ts';
import { suspect } from './takeover.ts';

/**
 * Takes the inbox into the state. Messages get their sequences by inbox position; what ends deliveries follows, so
 * that after a takeover it also finds those that a dead master pushed and never committed.
 * @returns keys of pages that must be read first, in which case the draft is of no use; else an empty list
 */
export function absorb(draft: Draft, entries: readonly Entry[], lookup: Lookup, context: Context): readonly string[] {
  bury(draft, context);
  for (const entry of entries) arrive(draft, entry, context);
  if (context.takeover) {
    const unread = suspect(draft, entries, lookup, context);
    if (unread.length > 0) return unread;
    draft.isAbsorbedAgain = true;
  }
  if (context.epoch !== '') evictDeadConnections(draft, context);
  for (const entry of entries) end(draft, entry);
  turnAway(draft, context);
  passDeadlines(draft, context);
  draft.isAbsorbedAgain = false;
  bury(draft, context);
  return [];
}

/** A connection of an earlier process died with it; that is the broker's death, and does not count. */
function evictDeadConnections(draft: Draft, context: Context): void {
  const dead = draft.consumers.filter((c) => c.connection !== '' && !c.connection.startsWith(context.epoch));
  if (dead.length === 0) return;
  const numbers = new Set(dead.map((consumer) => consumer.number));
  dismiss(draft, (number) => numbers.has(number), 'uncounted');
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
      arriveForward(draft, entry);
      return;
    case 'join':
      arriveConsumer(draft, entry, context);
      return;
    case 'receive':
      if (admit(draft, entry) === 'repeat') return;
      draft.pulls.push({ id: entry.id, max: entry.max, deadline: entry.deadline });
      return;
    case 'purge':
      if (admit(draft, entry) !== 'repeat') draft.counts.purged += dropReady(draft);
      return;
    case 'extended':
      extend(draft, entry, context);
  }
}

/** A page that was written meanwhile may list what was not extended. */
function extend(draft: Draft, { upTo, born, seen }: Entry & { kind: 'extended' }, { limits }: Context): void {
  const extendOne = (r: Reference) => (endOf(r) <= upTo && isExtended(r.born, born, limits) ? extended(r, born) : r);
  draft.references = draft.references.map(extendOne);
  draft.held = draft.held.map(extendOne);
  const extension = further(draft.extension, { upTo, born, seen });
  const isLeft = (r: Reference) => isExtended(r.born, extension.born, limits);
  draft.extension = draft.references.some(isLeft) || draft.held.some(isLeft) ? extension : undefined;
}

function arriveMessages(draft: Draft, entry: Entry & { kind: 'send' }): void {
  const admission = admit(draft, entry);
  const isKnown = (reference: Reference) => reference.level === 0 && reference.key === entry.key;
  if (admission === 'repeat') return;
  if (admission === 'untold' && (draft.references.some(isKnown) || draft.held.some(isKnown))) return;
  let offset = 0;
  for (const { count, transient, expires } of entry.runs) {
    addFresh(draft, {
      key: entry.key,
      count,
      offset,
      expires,
      born: entry.born,
      transient,
      flagged: admission === 'untold',
      // What may be a second copy never frees the batch of the first.
      shared: entry.runs.length > 1 || admission === 'untold',
    });
    offset += count;
  }
}

function arriveForward(draft: Draft, entry: Entry & { kind: 'forward' }): void {
  entry.numbers.forEach((number, offset) => {
    const admission = admitForward(draft, entry.source, number);
    if (admission === 'repeat') return;
    const flagged = admission === 'untold';
    const last = draft.references.at(-1);
    const follows = last?.key === entry.key && last.offset + last.count === offset && last.flagged === flagged;
    if (last && follows) {
      draft.references[draft.references.length - 1] = { ...last, count: last.count + 1 };
      draft.next += 1;
      draft.counts.sent += 1;
    } else {
      // Holes where repeats were leave several references to one batch.
      const shared = entry.numbers.length > 1 || flagged;
      const { key, born } = entry;
      addFresh(draft, { key, count: 1, offset, expires: 0, born, transient: false, flagged, shared });
    }
  });
}

function addFresh(draft: Draft, reference: Omit<Reference, 'level' | 'first'>): void {
  draft.references.push({ level: 0, first: draft.next, ...reference });
  draft.next += reference.count;
  draft.counts.sent += reference.count;
}

function arriveConsumer(draft: Draft, entry: Entry & { kind: 'join' }, context: Context): void {
  if (admit(draft, entry) === 'repeat' || draft.consumers.some((consumer) => consumer.id === entry.id)) return;
  const { id, connection, subscription, ack, prefetch } = entry;
  const seen = Math.floor(context.now / 1000);
  const patience = Math.floor(context.limits.probeMs / 1000);
  const number = draft.nextConsumer++;
  draft.consumers.push({ number, id, connection, subscription, ack, prefetch, seen, patience });
}

/** What ends deliveries, or puts off their end. */
function end(draft: Draft, entry: Entry): void {
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
      draft.counts.acknowledged += total(landUpTo(draft, entry.sequence, entry.deliveryAttempt));
      return;
    case 'reject-up-to':
      endAll(draft, landUpTo(draft, entry.sequence, entry.deliveryAttempt));
      return;
    case 'acknowledge-message':
    case 'reject-message':
      endMessage(draft, entry);
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

/** How many of these messages are still ready here: a push that is not committed yet is acknowledged already. */
function countReady(draft: Draft, delivery: DeliveryRange): number {
  let count = Math.max(0, endOf(delivery) - Math.max(delivery.first, cursorOf(draft)));
  for (const range of draft.returned) {
    if (range.attempt >= delivery.attempt) continue;
    count += Math.max(0, Math.min(endOf(range), endOf(delivery)) - Math.max(range.first, delivery.first));
  }
  return count;
}

function reject(draft: Draft, delivery: DeliveryRange): void {
  endAll(draft, landFlights(draft, delivery));
  for (const range of clearSuspects(draft, delivery)) {
    endDelivery(draft, { ...range, consumer: 0, pushing: false, deadline: 0 }, 'counted');
  }
}

function endAll(draft: Draft, flights: readonly Flight[]): void {
  for (const flight of flights) endDelivery(draft, flight, 'counted');
}

function endMessage(draft: Draft, entry: Entry & { kind: 'acknowledge-message' | 'reject-message' }): void {
  const consumer = draft.consumers.find((candidate) => candidate.id === entry.consumer);
  const inBatch = (r: Reference) => r.key === entry.key && entry.index >= r.offset && entry.index < r.offset + r.count;
  const reference = draft.held.find(inBatch);
  if (!consumer || !reference) return;
  const sequence = reference.first + entry.index - reference.offset;
  const flight = draft.flights.find(
    (f) => f.consumer === consumer.number && sequence >= f.first && sequence < endOf(f),
  );
  if (!flight) return;
  const { attempt } = flight;
  const landed = entry.upTo
    ? landUpTo(draft, sequence, attempt)
    : landFlights(draft, { first: sequence, count: 1, attempt });
  if (entry.kind === 'reject-message') endAll(draft, landed);
  else draft.counts.acknowledged += total(landed);
}

function leave(draft: Draft, entry: Entry & { kind: 'leave' }): void {
  rememberLeft(draft, entry.consumer);
  draft.pulls = draft.pulls.filter((pull) => pull.id !== entry.consumer);
  const consumer = draft.consumers.find((candidate) => candidate.id === entry.consumer);
  const ending = entry.reason === 'lost' ? 'counted' : 'uncounted';
  if (consumer) dismiss(draft, (number) => number === consumer.number, ending);
}
