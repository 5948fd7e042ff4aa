import type { Context, Draft } from './draft.ts';
import { endOf, type Range } from './ranges.ts';
import type { Flight } from './state.ts';
import { isMeantAlone, markRejected, wasBefore } from './unanswered.ts';

/** What of each flight an answer ends, by its place among them. */
type Parts = readonly (Range | undefined)[];

/**
 * Takes out of flight all that the consumer got up to this delivery, in the order of delivery. An earlier post of which
 * nobody knows whether it arrived is not part of that: its deliveries have a deadline, and come back.
 * @see STOMP 1.2 SUBSCRIBE, ack:client
 */
export function landUpTo(draft: Draft, sequence: number, attempt: number): Flight[] {
  const at = placeOf(draft, sequence, attempt);
  const parts = partsUpTo(draft, at, sequence, () => true);
  return land(draft, parts, (_, rest) => rest);
}

/**
 * The same for a message id, which names no delivery, and where a message was sent again without anybody knowing, no
 * message. What of that is not sure is not taken, and comes back after a while: its consumer may wait for more before it
 * answers again.
 * @param flagged the message may be the second copy of one
 * @see STOMP 1.1 ACK
 */
export function landUpToId(
  draft: Draft,
  { first: sequence, attempt }: { readonly first: number; readonly attempt: number },
  { flagged, isRejected }: { readonly flagged: boolean; readonly isRejected: boolean },
  context: Context,
): Flight[] {
  const at = placeOf(draft, sequence, attempt);
  const named = draft.flights[at];
  if (!named) return [];
  const isAlone = flagged || isMeantAlone(named);
  const parts = partsUpTo(draft, at, sequence, (flight) =>
    flight === named ? !isAlone : !isAlone && wasBefore(flight, named),
  );
  if (isRejected) markRejected(draft, named.consumer, (i) => parts[i] !== undefined);
  return land(draft, parts, (i, rest) => {
    if (i > at || draft.flights[i]?.consumer !== named.consumer) return rest;
    return rest.map((flight) => (i < at || flight.first < sequence ? recalled(flight, context) : flight));
  });
}

/**
 * Where the message of an answer is not with its consumer any more, nobody knows what else was meant. What that consumer
 * had when a delivery was taken from it, which it may have answered now, comes back after a while, unless it is answered
 * until then.
 */
export function recallMarked(draft: Draft, consumer: number, context: Context): void {
  const isMarked = (flight: Flight) => flight.consumer === consumer && flight.unanswered !== undefined;
  draft.flights = draft.flights.map((flight) => (isMarked(flight) ? recalled(flight, context) : flight));
}

function recalled(flight: Flight, { now, limits }: Context): Flight {
  if (flight.deadline > 0 || flight.pushing) return flight;
  return { ...flight, deadline: now + limits.unknownPostMs, arrived: true };
}

function placeOf({ flights }: Draft, sequence: number, attempt: number): number {
  return flights.findIndex((f) => f.attempt === attempt && sequence >= f.first && sequence < endOf(f));
}

/** @param isMeant whether what lies before the message is meant, in its own flight and in each before that */
function partsUpTo({ flights }: Draft, at: number, sequence: number, isMeant: (flight: Flight) => boolean): Parts {
  const named = flights[at];
  return flights.map((flight, i) => {
    if (flight.consumer !== named?.consumer || i > at) return undefined;
    if (i < at) return isInDoubt(flight, named) || !isMeant(flight) ? undefined : flight;
    const first = isMeant(flight) ? flight.first : sequence;
    return { first, count: sequence + 1 - first };
  });
}

/** It may not have arrived: it is of a post of which nobody heard, and not of that of `named`. */
function isInDoubt({ deadline, arrived }: Flight, named: Flight): boolean {
  return deadline > 0 && !arrived && (named.arrived === true || deadline !== named.deadline);
}

/** @param leave what becomes of the rest of each flight */
function land(draft: Draft, parts: Parts, leave: (i: number, rest: Flight[]) => Flight[]): Flight[] {
  const landed: Flight[] = [];
  draft.flights = draft.flights.flatMap((flight, i) => {
    const part = parts[i];
    if (!part) return leave(i, [flight]);
    landed.push({ ...flight, ...rangeOf(part) });
    const before = { ...flight, count: part.first - flight.first };
    const after = { ...flight, first: endOf(part), count: endOf(flight) - endOf(part) };
    return leave(
      i,
      [before, after].filter(({ count }) => count > 0),
    );
  });
  return landed;
}

function rangeOf({ first, count }: Range): Range {
  return { first, count };
}
