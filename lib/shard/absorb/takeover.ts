import type { Entry } from '../codec/entry.ts';
import { isDue } from '../plan/expiry.ts';
import { type Context, type Draft, type Lookup, total } from '../state/draft.ts';
import { drawReady } from '../state/draw.ts';
import { inFlightByConsumer } from '../state/flights.ts';
import { pastOf } from '../state/past.ts';
import { putBack, readySpans, type Span } from '../state/ready.ts';
import { markUnanswered } from '../state/unanswered.ts';

/**
 * After a dead master: what it may have pushed without a commit comes back flagged, and nothing else does. It saw this
 * state and some beginning of this inbox, so it pushed from the front of the ready messages, and no more than the
 * consumers had room for. What ended by the inbox or by its deadline comes on top: it made room, or lay before what was
 * pushed.
 * @param late how many deadlines and delays have passed
 * @returns keys of pages that must be read first; else an empty list
 */
export function suspect(
  draft: Draft,
  entries: readonly Entry[],
  late: number,
  lookup: Lookup,
  context: Context,
): readonly string[] {
  const { limits, date } = context;
  if (!hasPushFirst(draft, context)) return [];
  let left =
    Math.min(roomForPushes(draft, context), limits.turnMessages) +
    late +
    entries.reduce((sum, entry) => sum + ended(entry, draft), 0);
  // What had expired was passed over on the way.
  let walked = 0;
  const spans: Span[] = [];
  for (const span of readySpans(draft, lookup)) {
    if (left === 0) break;
    if ('page' in span) return [span.page];
    // A page that is missing: the plan sets aside what it listed.
    if (span.reference.level > 0) continue;
    const isPassed = isDue(span.reference, date) && walked < limits.turnMessages;
    const count = isPassed ? span.count : Math.min(span.count, left);
    if (isPassed) walked += count;
    else left -= count;
    spans.push({ ...span, count });
  }
  drawReady(draft, lookup, spans);
  for (const span of spans) putBack(draft, suspected(span));
  return [];
}

/** Non-persistent messages are committed before they are pushed: what is still ready never went out. */
function suspected(span: Span) {
  const { first, count, lost } = span;
  const returned = { first, count, ...pastOf(span) };
  if (span.transient) return { ...returned, suspect: false, lost };
  return { ...returned, attempt: span.attempt + 1, redelivered: true, suspect: true, lost: false };
}

/** Cumulative consumers get nothing before a commit. */
function hasPushFirst(draft: Draft, { audience }: Context): boolean {
  return (
    audience !== undefined ||
    draft.consumers.some((consumer) => consumer.connection !== '' && consumer.ack !== 'client')
  );
}

/** How many messages the consumers had room for. A delivery whose deadline has passed may have been over already. */
function roomForPushes(draft: Draft, { audience }: Context): number {
  if (audience !== undefined) return Number.POSITIVE_INFINITY;
  const inFlight = inFlightByConsumer(draft);
  let room = total(draft.pulls.map(({ max }) => ({ count: max })));
  for (const { connection, number, prefetch } of draft.consumers) {
    if (connection !== '') room += Math.max(0, prefetch - (inFlight.get(number) ?? 0));
  }
  return room;
}

/** How many deliveries an entry may have ended. Where a transaction did, nothing went out before the commit. */
function ended(entry: Entry, draft: Draft): number {
  switch (entry.kind) {
    case 'acknowledge':
    case 'reject':
      return total(entry.deliveries);
    case 'acknowledge-message':
    case 'reject-message':
      return entry.upTo ? mostInFlight(draft) : 1;
    case 'acknowledge-up-to':
    case 'reject-up-to':
      return mostInFlight(draft);
    default:
      return 0;
  }
}

/** Of one consumer. */
function mostInFlight({ consumers }: Draft): number {
  return Math.max(0, ...consumers.map(({ prefetch }) => prefetch));
}

/**
 * Drops what a dead master was pushing and must not be pushed twice; what may be, is ready again. Until the inbox is
 * applied it is in flight, so that an acknowledgement of any kind finds it there, in its order.
 */
export function endInterruptedPushes(draft: Draft): void {
  markUnanswered(draft, ({ pushing }) => pushing);
  const interrupted = draft.flights.filter((flight) => flight.pushing);
  draft.flights = draft.flights.filter((flight) => !flight.pushing);
  for (const flight of interrupted) {
    const { first, count } = flight;
    if (flight.transient) draft.counts.dropped += count;
    else putBack(draft, { first, count, ...pastOf(flight), redelivered: true, suspect: true, lost: false });
  }
}
