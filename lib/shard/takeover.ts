import { type Context, type Draft, type Lookup, total } from './draft.ts';
import type { Entry } from './entry.ts';
import { isDue } from './expiry.ts';
import { isLate } from './flights.ts';
import { drawReady, putBack, readySpans, type Span } from './ready.ts';

/**
 * After a dead master: what it may have pushed without a commit comes back flagged, and nothing else does. It saw this
 * state and some beginning of this inbox, so it pushed from the front of the ready messages, and no more than the
 * consumers had room for. What ended by the inbox comes on top: it made room, or lay before what was pushed.
 * @returns keys of pages that must be read first; else an empty list
 */
export function suspect(draft: Draft, entries: readonly Entry[], lookup: Lookup, context: Context): readonly string[] {
  endInterruptedPushes(draft);
  const { limits, now } = context;
  if (!hasPushFirst(draft, context)) return [];
  let left =
    Math.min(roomForPushes(draft, context), limits.turnMessages) +
    entries.reduce((sum, entry) => sum + ended(entry, draft), 0);
  // What had expired was passed over on the way.
  let walked = 0;
  let drawn = 0;
  const spans: Span[] = [];
  for (const span of readySpans(draft, lookup)) {
    if (left === 0) break;
    if ('page' in span) return [span.page];
    if (span.reference.level > 0) {
      draft.counts.dropped += span.count;
      drawn += span.count;
      continue;
    }
    const isPassed = isDue(span.reference, now) && walked < limits.turnMessages;
    const count = isPassed ? span.count : Math.min(span.count, left);
    if (isPassed) walked += count;
    else left -= count;
    drawn += count;
    spans.push({ ...span, count });
  }
  drawReady(draft, lookup, drawn);
  for (const span of spans) putBack(draft, suspected(span));
  return [];
}

/** Non-persistent messages are committed before they are pushed: what is still ready never went out. */
function suspected(span: Span) {
  const { first, count, failures, transient } = span;
  if (transient)
    return { first, count, attempt: span.attempt, failures, transient, redelivered: span.redelivered, suspect: false };
  return { first, count, attempt: span.attempt + 1, failures, transient, redelivered: true, suspect: true };
}

/** Cumulative consumers get nothing before a commit. */
function hasPushFirst(draft: Draft, { audience }: Context): boolean {
  return (
    audience !== undefined ||
    draft.consumers.some((consumer) => consumer.connection !== '' && consumer.ack !== 'client')
  );
}

/** How many messages the consumers had room for. A delivery whose deadline has passed may have been over already. */
function roomForPushes(draft: Draft, { now, audience }: Context): number {
  if (audience !== undefined) return Number.POSITIVE_INFINITY;
  const lasting = draft.flights.filter((flight) => !isLate(flight, now));
  let room = total(draft.pulls.map(({ max }) => ({ count: max })));
  for (const { connection, number, prefetch } of draft.consumers) {
    if (connection === '') continue;
    room += Math.max(0, prefetch - total(lasting.filter((flight) => flight.consumer === number)));
  }
  return room;
}

/** How many deliveries an entry may have ended. */
function ended(entry: Entry, draft: Draft): number {
  switch (entry.kind) {
    case 'acknowledge':
    case 'reject':
      return total(entry.deliveries);
    case 'acknowledge-up-to':
    case 'reject-up-to':
    case 'acknowledge-message':
    case 'reject-message':
      return Math.max(0, ...draft.consumers.map((consumer) => consumer.prefetch));
    default:
      return 0;
  }
}

/** Drops what a dead master was pushing and must not be pushed twice; what may be, is ready again. */
function endInterruptedPushes(draft: Draft): void {
  const interrupted = draft.flights.filter((flight) => flight.pushing);
  draft.flights = draft.flights.filter((flight) => !flight.pushing);
  for (const { first, count, attempt, failures, transient } of interrupted) {
    if (transient) draft.counts.dropped += count;
    else putBack(draft, { first, count, attempt, failures, transient, redelivered: true, suspect: true });
  }
}
