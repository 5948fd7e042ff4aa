import type { AckMode } from '../../model/message.ts';
import type { DeliveryRange, Requeue } from '../codec/entry.ts';
import { delay, latestTime } from './delayed.ts';
import { type Context, type Draft, total } from './draft.ts';
import { pastOf } from './past.ts';
import { endOf } from './ranges.ts';
import { putBack } from './ready.ts';
import type { Flight, Outgoing, Returned } from './state.ts';
import { markUnanswered, unmark } from './unanswered.ts';

type Ranged = { readonly first: number; readonly count: number };

/** Cuts the part that overlaps `[first, end)` out of a list of ranges: the rest stays in its place and order. */
function cut<R extends Ranged>(ranges: readonly R[], want: (r: R) => boolean, first: number, end: number): [R[], R[]] {
  const rest: R[] = [];
  const out: R[] = [];
  for (const range of ranges) {
    const from = Math.max(first, range.first);
    const to = Math.min(end, endOf(range));
    if (from >= to || !want(range)) {
      rest.push(range);
      continue;
    }
    if (range.first < from) rest.push({ ...range, count: from - range.first });
    out.push({ ...range, first: from, count: to - from });
    if (to < endOf(range)) rest.push({ ...range, first: to, count: endOf(range) - to });
  }
  return [rest, out];
}

/** Takes deliveries out of flight. Those of an earlier attempt are over already: they match nothing. */
export function landFlights(draft: Draft, delivery: DeliveryRange): Flight[] {
  const matches = (flight: Flight) => flight.attempt === delivery.attempt;
  const [rest, landed] = cut(draft.flights, matches, delivery.first, endOf(delivery));
  if (landed.length > 0) draft.flights = rest;
  return landed;
}

/**
 * Takes messages out of the ready ones whose delivery may be answered still: those that a dead master may have pushed
 * as this attempt, or as the next one after it, and those whose delivery ended with its connection.
 * @param may says which of these
 */
export function clearSuspects(
  draft: Draft,
  delivery: DeliveryRange,
  may: (range: Returned) => boolean = () => true,
): Returned[] {
  const matches = (range: Returned) => mayBeAnswered(range, delivery.attempt) && may(range);
  const [rest, cleared] = cut(draft.returned, matches, delivery.first, endOf(delivery));
  if (cleared.length > 0) draft.returned = rest;
  return cleared;
}

/** Whether a delivery in this attempt may be answered though its message is ready again. */
export function mayBeAnswered({ attempt, suspect, lost }: Returned, answered: number): boolean {
  return attempt === answered ? suspect || lost : suspect && attempt === answered + 1;
}

/** How a delivery ended without an acknowledgement. */
export type Ending =
  /** It counts towards dead-lettering: rejected, past its deadline. */
  | 'counted'
  /** The same, and nobody was told: an acknowledgement that is on its way counts still. */
  | 'late'
  /** Its connection is lost: it counts for the oldest message, which its consumer was at; and as `late`. */
  | 'lost'
  /** The consumer may have had it, and it does not count: unsubscribed. */
  | 'uncounted'
  /** The same, and it may have said so, or its broker died: what is not persistent is over. */
  | 'unanswered'
  /** It never went out. */
  | 'unsent';

/**
 * Makes messages ready again, those whose deliveries are exhausted too: `bury` finds them. A dead master may have pushed
 * them again as the next attempt.
 */
export function endDelivery(draft: Draft, flight: Flight, ending: Ending): void {
  const { first, count, transient } = flight;
  if ((transient && ending === 'unanswered') || isUnsure(draft, flight)) {
    draft.counts.dropped += count;
    return;
  }
  const isCounted = ending === 'counted' || ending === 'late';
  const failures = flight.failures + (isCounted ? 1 : 0);
  const suspect = draft.isAbsorbedAgain && !transient;
  const redelivered = flight.redelivered || ending !== 'unsent' || suspect;
  const attempt = flight.attempt + (suspect ? 1 : 0);
  const lost = ending === 'late' || ending === 'lost';
  putBack(draft, { ...pastOf(flight), first, count, attempt, failures, redelivered, suspect, lost });
}

/** Nobody knows whether a dead master pushed it, or what became of it, and it must not be pushed twice. */
function isUnsure({ isAbsorbedAgain }: Draft, { transient, pushing }: Flight): boolean {
  return transient && isAbsorbedAgain && pushing;
}

/** Whether no delivery is left: they go out no more. In a dead-letter queue they always do. */
export function isExhausted({ failures }: Pick<Returned, 'failures'>, { deadLetters, limits }: Context): boolean {
  return deadLetters && failures >= limits.deliveries;
}

/** Sends ready messages on their way whose deliveries are exhausted. The outcome of a push leaves them to the turn after. */
export function bury(draft: Draft, context: Context): void {
  const exhausted = draft.returned.filter((range) => isExhausted(range, context));
  if (exhausted.length === 0) return;
  for (const { first, count, failures } of exhausted) sendAway(draft, { first, count, failures });
  draft.returned = draft.returned.filter((range) => !isExhausted(range, context));
}

/** Puts messages among the outgoing ones, under the next forward numbers. */
function sendAway(draft: Draft, leaving: Omit<Outgoing, 'number'>): void {
  const { first, count, failures, isRefused } = leaving;
  const number = draft.nextForward;
  const last = draft.outgoing.at(-1);
  const isNext = last && endOf(last) === first && last.number + last.count === number;
  if (isNext && last.failures === failures && last.isRefused === isRefused) {
    draft.outgoing[draft.outgoing.length - 1] = { ...last, count: last.count + count };
  } else {
    draft.outgoing.push({ ...leaving, number });
  }
  draft.nextForward += count;
}

/**
 * Ends a delivery that was rejected. Its message is ready again, at once or later; or it goes to the dead-letter queue,
 * after its last delivery or since nobody is to have it again. In a dead-letter queue that one is ready again.
 */
export function endRejected(draft: Draft, flight: Flight, requeue: Requeue | undefined, context: Context): void {
  const { first, count } = flight;
  const failures = flight.failures + 1;
  if (requeue === 'never' && context.deadLetters) {
    sendAway(draft, { first, count, failures, isRefused: true });
  } else if (isLater(requeue, context) && !isExhausted({ failures }, context) && !isUnsure(draft, flight)) {
    delay(draft, { ...pastOf(flight), first, count, failures, redelivered: true, until: requeue }, context);
  } else {
    endDelivery(draft, flight, 'counted');
  }
}

/**
 * Does the same for messages that are ready again since their deliveries were over before they were rejected. They were
 * counted then, as far as they count.
 */
export function rejectReturned(draft: Draft, returned: Returned, requeue: Requeue | undefined, context: Context): void {
  const { first, count, failures } = returned;
  if (requeue === 'never' && context.deadLetters) sendAway(draft, { first, count, failures, isRefused: true });
  else if (isLater(requeue, context) && !isExhausted(returned, context))
    delay(draft, { ...pastOf(returned), first, count, until: requeue }, context);
  else putBack(draft, returned);
}

function isLater(requeue: Requeue | undefined, context: Context): requeue is number {
  return typeof requeue === 'number' && requeue > latestTime(context);
}

/**
 * Removes consumers; what they had in flight is ready again. What is not persistent and was pushed without anybody hearing
 * of it is over, as it is at its deadline.
 */
export function dismiss(draft: Draft, goes: (consumer: number) => boolean, ending: Ending): void {
  const gone = new Set(draft.consumers.map((consumer) => consumer.number).filter(goes));
  if (gone.size === 0) return;
  const connected = connectedIn(draft);
  draft.consumers = draft.consumers.filter((consumer) => !gone.has(consumer.number));
  unmark(draft, gone);
  const orphans = draft.flights.filter((flight) => gone.has(flight.consumer));
  draft.flights = draft.flights.filter((flight) => !gone.has(flight.consumer));
  const met = new Set<number>();
  for (const flight of orphans) {
    if (isUnheard(flight, connected)) {
      draft.counts.dropped += flight.count;
      continue;
    }
    const isOldest = ending === 'lost' && !met.has(flight.consumer);
    met.add(flight.consumer);
    // A consumer gets messages ahead: of those behind the oldest nobody can say that it failed on them.
    if (isOldest) endDelivery(draft, { ...flight, count: 1 }, 'late');
    const rest = isOldest ? { ...flight, first: flight.first + 1, count: flight.count - 1 } : flight;
    if (rest.count > 0) endDelivery(draft, rest, ending);
  }
}

/** Consumers that are connected, by their numbers, with their modes. */
function connectedIn({ consumers }: Draft): ReadonlyMap<number, AckMode> {
  return new Map(consumers.flatMap((c) => (c.connection === '' ? [] : [[c.number, c.ack] as const])));
}

/** Whether it is not persistent, and nobody knows whether it arrived, or whether it is done: it is never pushed twice. */
function isUnheard(
  { transient, deadline, arrived, isLeft, consumer }: Flight,
  connected: ReadonlyMap<number, AckMode>,
) {
  return transient && deadline > 0 && (!arrived || isLeft === true) && connected.has(consumer);
}

function isLate({ deadline }: Flight, now: number): boolean {
  return deadline > 0 && deadline <= now;
}

/** Ends the deliveries whose deadline has passed. @returns how many of those are ready again */
export function passDeadlines(draft: Draft, context: Context, ending: 'counted' | 'late'): number {
  const isPassed = (flight: Flight) => isLate(flight, context.now);
  markUnanswered(draft, isPassed);
  const late = draft.flights.filter(isPassed);
  if (late.length === 0) return 0;
  draft.flights = draft.flights.filter((flight) => !isPassed(flight));
  const connected = connectedIn(draft);
  const isOver = (flight: Flight) => isUnheard(flight, connected);
  draft.counts.dropped += total(late.filter(isOver));
  const again = late.filter((flight) => !isOver(flight));
  for (const flight of again) {
    // What an acknowledgement left in doubt failed nowhere, and may be acknowledged yet.
    const isLeft = flight.isLeft && connected.get(flight.consumer) === 'client';
    endDelivery(draft, flight, isLeft ? 'lost' : ending);
  }
  return total(again);
}

/** Moves deadlines of deliveries in flight, which keep their place in the order of delivery. */
export function extendFlights(draft: Draft, delivery: DeliveryRange, deadline: number): void {
  draft.flights = draft.flights.flatMap((flight) => {
    const from = Math.max(delivery.first, flight.first);
    const to = Math.min(endOf(delivery), endOf(flight));
    if (from >= to || flight.attempt !== delivery.attempt) return [flight];
    const { isLeft: _, ...named } = flight;
    const parts = [
      { ...flight, count: from - flight.first },
      // Who wants more time for it has it.
      { ...named, first: from, count: to - from, deadline, arrived: true as const },
      { ...flight, first: to, count: endOf(flight) - to },
    ];
    return parts.filter((part) => part.count > 0);
  });
}

/** How many messages each consumer has in flight, by its number. */
export function inFlightByConsumer({ flights }: Pick<Draft, 'flights'>): ReadonlyMap<number, number> {
  const inFlight = new Map<number, number>();
  for (const { consumer, count } of flights) inFlight.set(consumer, (inFlight.get(consumer) ?? 0) + count);
  return inFlight;
}
