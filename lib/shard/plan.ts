import { expiryOf, type Message } from '../model/message.ts';
import { type Context, type Draft, type Lookup, locate, type Needs, readyCount, total } from './draft.ts';
import { drawReady, readySpans, type Span } from './ready.ts';
import { endOf } from './reference.ts';
import { dealShares } from './shares.ts';
import type { Consumer, Flight } from './state.ts';

/** One message, to go out in this turn. */
export type PlannedMessage = {
  readonly sequence: number;
  readonly attempt: number;
  readonly failures: number;
  readonly transient: boolean;
  readonly redelivered: boolean;
  readonly key: string;
  readonly index: number;
  readonly message: Message;
};

/** What one consumer gets in this turn. */
export type PlannedDelivery = {
  readonly consumer: Consumer;
  /** True: commit, then push or reply. False: push, then commit. */
  readonly commitFirst: boolean;
  readonly messages: readonly PlannedMessage[];
  readonly flights: readonly Flight[];
};

/** A message for the dead-letter queue. */
export type DeadLetter = {
  readonly sequence: number;
  readonly failures: number;
  readonly key: string;
  readonly index: number;
  readonly message: Message;
};

export type Plan = {
  readonly kind: 'plan';
  readonly deliveries: readonly PlannedDelivery[];
  readonly deadLetters: readonly DeadLetter[];
  /** Keys of batches that are referred to and do not exist. */
  readonly missing: readonly string[];
  /** Messages are ready and somebody could take them: the next turn should not wait for a ring. */
  readonly more: boolean;
};

type Server = { readonly consumer: Consumer; readonly credit: number; readonly deadline: number };

/** Decides which ready messages go to whom, and takes them out of the ready ones. */
export function plan(draft: Draft, lookup: Lookup, context: Context): Plan | Needs {
  const servers = [...servePulls(draft, context), ...servePushes(draft)];
  const room = Math.min(context.limits.inFlightPerShard - total(draft.flights), context.limits.turnMessages);
  const demand = Math.min(
    servers.reduce((sum, server) => sum + server.credit, 0),
    Math.max(0, room),
  );
  const batches = new Set<string>();
  const dead = findDeadLetters(draft, lookup, batches);
  const taken = takeReady(draft, lookup, context, demand, batches);
  if ('pages' in taken || batches.size > 0) {
    return { kind: 'needs', pages: 'pages' in taken ? taken.pages : [], batches: [...batches] };
  }
  drawReady(draft, lookup, taken.drawn);
  refreshExpiry(draft, lookup, context.now);
  draft.counts.expired += taken.expired;
  draft.counts.dropped += taken.lost;
  draft.counts.deadLettered += total(draft.dying);
  draft.dying = [];
  const deliveries = deal(draft, servers, taken.messages);
  // Automatic acknowledgement gives its credit back at once.
  const isFreed = deliveries.some(({ consumer }) => consumer.ack === 'auto') && readyCount(draft) > 0;
  const more = (taken.cutShort && taken.drawn > 0) || isFreed;
  return { kind: 'plan', deliveries, deadLetters: dead, missing: taken.missing, more };
}

/** A pull lives as a consumer for as long as something of it is in flight. */
function servePulls(draft: Draft, context: Context): Server[] {
  return draft.pulls.map(({ id, max, deadline }) => {
    const number = draft.nextConsumer++;
    const seen = Math.floor(context.now / 1000);
    const consumer: Consumer = {
      number,
      id,
      connection: '',
      subscription: '',
      ack: 'client-individual',
      prefetch: max,
      seen,
      patience: 0,
    };
    draft.consumers.push(consumer);
    return { consumer, credit: max, deadline };
  });
}

/** Consumers with room, beginning after the one that was served last. */
function servePushes(draft: Draft): Server[] {
  const inFlight = new Map<number, number>();
  for (const flight of draft.flights)
    inFlight.set(flight.consumer, (inFlight.get(flight.consumer) ?? 0) + flight.count);
  const open = draft.consumers
    .filter((consumer) => consumer.connection !== '')
    .map((consumer) => ({
      consumer,
      credit: Math.max(0, consumer.prefetch - (inFlight.get(consumer.number) ?? 0)),
      deadline: 0,
    }))
    .filter((server) => server.credit > 0);
  const later = open.filter((server) => server.consumer.number > draft.rotation);
  return [...later, ...open.filter((server) => server.consumer.number <= draft.rotation)];
}

/** Whether some consumer could take a message now. */
export function hasCredit(draft: Draft): boolean {
  return draft.pulls.length > 0 || servePushes(draft).length > 0;
}

type Taken = {
  readonly messages: readonly PlannedMessage[];
  readonly drawn: number;
  readonly expired: number;
  readonly lost: number;
  readonly missing: readonly string[];
  /** Stopped by a bound of the turn, or at expired messages, rather than for want of messages or room. */
  readonly cutShort: boolean;
};

/**
 * Reads ready messages from the front until `demand` are found that have not expired. With no demand it still takes
 * expired ones off the front, a turn's worth. Batches that must be read first are added to `unread`.
 */
function takeReady(
  draft: Draft,
  lookup: Lookup,
  context: Context,
  demand: number,
  unread: Set<string>,
): Taken | { readonly pages: readonly string[] } {
  const messages: PlannedMessage[] = [];
  const missing: string[] = [];
  let [drawn, expired, lost, bytes, reached, walked] = [0, 0, 0, 0, 0, 0];
  let isCut = false;
  for (const span of readySpans(draft, lookup)) {
    const mayExpire = isDue('page' in span ? span : span.reference, context.now);
    if (reached >= demand && !mayExpire) break;
    isCut = mayExpire && walked >= context.limits.turnMessages;
    if (isCut) break;
    if ('page' in span) return { pages: [span.page] };
    if (mayExpire) walked += span.count;
    const batch = span.reference.level > 0 ? null : lookup.batch(span.reference.key);
    if (batch === undefined) {
      unread.add(span.reference.key);
      reached += span.count;
      continue;
    }
    if (unread.size > 0) {
      reached += span.count;
      continue;
    }
    if (batch === null) {
      missing.push(span.reference.key);
      lost += span.count;
      drawn += span.count;
      continue;
    }
    for (let i = 0; i < span.count; i++) {
      const message = messageOf(span, i, batch);
      if (mayExpire && isExpired(message.message, context.now)) {
        expired++;
      } else if (messages.length >= demand || (bytes > 0 && bytes + size(message) > context.limits.turnBytes)) {
        return { messages, drawn, expired, lost, missing, cutShort: messages.length < demand };
      } else {
        messages.push(message);
        bytes += size(message);
      }
      drawn++;
    }
    reached = messages.length;
  }
  const bounded = demand > 0 && messages.length === context.limits.turnMessages;
  return { messages, drawn, expired, lost, missing, cutShort: bounded || isCut };
}

function messageOf(span: Span, i: number, batch: readonly Message[]): PlannedMessage {
  const sequence = span.first + i;
  const index = span.reference.offset + sequence - span.reference.first;
  const { failures, transient, redelivered, reference } = span;
  const message = batch[index] as Message;
  return { sequence, attempt: span.attempt + 1, failures, transient, redelivered, key: reference.key, index, message };
}

/** The front's earliest expiry was that of a message that is gone: the next one, unless others wait to be taken. */
function refreshExpiry(draft: Draft, lookup: Lookup, now: number): void {
  const front = draft.references[0];
  if (!front || !isDue(front, now)) return;
  const { level, key, first, offset, count } = front;
  const messages = level === 0 ? (lookup.batch(key) ?? []).slice(offset, offset + count) : [];
  const children = level > 0 ? (lookup.page(key) ?? []).filter((child) => endOf(child) > first) : [];
  const expiries = [...messages.map(({ headers }) => expiryOf(headers)), ...children.map(({ expires }) => expires)];
  if (expiries.length === 0 || expiries.some((expires) => isDue({ expires }, now))) return;
  const later = expiries.filter((expires) => expires > 0);
  draft.references[0] = { ...front, expires: later.length > 0 ? Math.min(...later) : 0 };
}

export function isDue({ expires }: { readonly expires: number }, now: number): boolean {
  return expires > 0 && expires <= now;
}

function isExpired(message: Message, now: number): boolean {
  return isDue({ expires: expiryOf(message.headers) }, now);
}

function size(planned: PlannedMessage): number {
  return planned.message.body.byteLength;
}

function findDeadLetters(draft: Draft, lookup: Lookup, unread: Set<string>): DeadLetter[] {
  const found: DeadLetter[] = [];
  for (const { first, count, failures } of draft.dying) {
    for (let sequence = first; sequence < first + count; sequence++) {
      const reference = locate(draft.held, sequence);
      const batch = lookup.batch(reference.key);
      if (batch === undefined) unread.add(reference.key);
      const index = reference.offset + sequence - reference.first;
      const message = batch?.[index];
      if (message) found.push({ sequence, failures, key: reference.key, index, message });
    }
  }
  return found;
}

function deal(draft: Draft, servers: readonly Server[], messages: readonly PlannedMessage[]): PlannedDelivery[] {
  const shares = dealShares(
    messages.length,
    servers.map((server) => server.credit),
  );
  let at = 0;
  return servers.flatMap(({ consumer, deadline }, i) => {
    const share = messages.slice(at, at + (shares[i] ?? 0));
    at += share.length;
    if (share.length === 0) return [];
    const isPull = consumer.connection === '';
    if (!isPull) draft.rotation = consumer.number;
    const commitFirst = isPull || consumer.ack === 'client' || share.some((planned) => planned.transient);
    const flights = launch(consumer, share, deadline, commitFirst && !isPull);
    draft.flights.push(...flights);
    return [{ consumer, commitFirst, messages: share, flights }];
  });
}

function launch(consumer: Consumer, share: readonly PlannedMessage[], deadline: number, pushing: boolean): Flight[] {
  const flights: Flight[] = [];
  for (const { sequence, attempt, failures, transient, redelivered } of share) {
    const last = flights.at(-1);
    const follows =
      last &&
      endOf(last) === sequence &&
      last.attempt === attempt &&
      last.failures === failures &&
      last.transient === transient &&
      last.redelivered === redelivered;
    if (follows) flights[flights.length - 1] = { ...last, count: last.count + 1 };
    else {
      const flight = { first: sequence, count: 1, consumer: consumer.number, attempt, failures };
      flights.push({ ...flight, transient, pushing, redelivered, deadline });
    }
  }
  return flights;
}
