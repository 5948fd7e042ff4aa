import { type Context, type Draft, type Lookup, readyCount, total } from './draft.ts';
import type { Entry } from './entry.ts';
import { drawReady, putBack, readySpans, type Span } from './ready.ts';

/**
 * After a dead master: what it may have pushed without a commit comes back flagged, and nothing else does. It saw this
 * state and some beginning of this inbox, so it pushed from the front of the ready messages, and no more than the
 * consumers had room for, what they acknowledged since included.
 * @returns keys of pages that must be read first; else an empty list
 */
export function suspect(draft: Draft, entries: readonly Entry[], lookup: Lookup, context: Context): readonly string[] {
  endInterruptedPushes(draft);
  const reach = Math.min(pushable(draft, entries), context.limits.turnMessages, readyCount(draft));
  const spans: Span[] = [];
  let left = reach;
  if (left > 0) {
    for (const span of readySpans(draft, lookup)) {
      if ('page' in span) return [span.page];
      spans.push({ ...span, count: Math.min(span.count, left) });
      left -= span.count;
      if (left <= 0) break;
    }
  }
  drawReady(draft, lookup, reach);
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

function pushable(draft: Draft, entries: readonly Entry[]): number {
  const pushed = draft.consumers.filter((consumer) => consumer.connection !== '');
  if (pushed.length === 0) return 0;
  let room = 0;
  for (const consumer of pushed) {
    const inFlight = total(draft.flights.filter((flight) => flight.consumer === consumer.number));
    room += Math.max(0, consumer.prefetch - inFlight);
  }
  for (const pull of draft.pulls) room += pull.max;
  for (const entry of entries) room += freed(entry, draft);
  return room;
}

/** How much room an entry may have given to consumers. */
function freed(entry: Entry, draft: Draft): number {
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
