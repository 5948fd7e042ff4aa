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

/** One delivery. */
type Named = { readonly first: number; readonly attempt: number };

/**
 * The same for a message id, which names no delivery, and where a message was sent again without anybody knowing, no
 * message. What of that is not sure is not taken, and comes back after a while: its consumer may wait for more before it
 * answers again.
 * @param hasCopies the message may be one of two
 * @see STOMP 1.1 ACK
 */
export function landUpToId(draft: Draft, named: Named, hasCopies: boolean, context: Context): Flight[] {
  const reach = reachOf(draft, named, hasCopies);
  if (!reach) return [];
  return land(draft, reach.meant, (i, rest) =>
    rest.map((flight) => (reach.mayBeMeant(i, flight) ? recalled(flight, context) : flight)),
  );
}

/**
 * Takes out of flight what a rejection by message id is of. What may be meant goes as well: who did not mean it gets it
 * again.
 * @returns what is meant for sure, and what may be
 */
export function rejectUpToId(draft: Draft, named: Named, hasCopies: boolean): Rejected {
  const reach = reachOf(draft, named, hasCopies);
  if (!reach) return { meant: [], perhaps: [] };
  const { consumer, meant, mayBeMeant } = reach;
  markRejected(draft, consumer, (i, flight) => meant[i] !== undefined || mayBeMeant(i, flight));
  const perhaps: Flight[] = [];
  const landed = land(draft, meant, (i, rest) =>
    rest.filter((flight) => {
      if (!mayBeMeant(i, flight) || flight.pushing) return true;
      perhaps.push(flight);
      return false;
    }),
  );
  return { meant: landed, perhaps };
}

export type Rejected = { readonly meant: readonly Flight[]; readonly perhaps: readonly Flight[] };

/** What an answer by message id is of: for sure, by the place of each flight; and what may be. */
function reachOf(draft: Draft, { first: sequence, attempt }: Named, hasCopies: boolean) {
  const at = placeOf(draft, sequence, attempt);
  const named = draft.flights[at];
  if (!named) return undefined;
  const { consumer } = named;
  const isAlone = hasCopies || isMeantAlone(named);
  const meant = partsUpTo(draft, at, sequence, (flight) =>
    flight === named ? !isAlone : !isAlone && wasBefore(flight, named),
  );
  // What is left of the flights up to this one; where it is one of two, the other one may have come behind it.
  const mayBeMeant = (i: number, flight: Flight) =>
    flight.consumer === consumer && (hasCopies || i < at || (i === at && flight.first < sequence)) && !inDoubt(flight);
  const inDoubt = (flight: Flight) => isInDoubt(flight, named);
  return { consumer, meant, mayBeMeant };
}

/**
 * Where the message of an acknowledgement is not with its consumer any more, nobody knows what else was meant. What that
 * consumer had when a delivery was taken from it, which it may have answered now, comes back after a while, unless it is
 * answered until then.
 */
export function recallMarked(draft: Draft, consumer: number, context: Context): void {
  const isMarked = isMarkedOf(consumer);
  draft.flights = draft.flights.map((flight) => (isMarked(flight) ? recalled(flight, context) : flight));
}

/** Of a rejection: all that may be meant is taken out of flight, what an acknowledgement before it left included. */
export function landMarked(draft: Draft, consumer: number): Flight[] {
  const isMarked = isMarkedOf(consumer);
  const isLeft = (flight: Flight) => flight.consumer === consumer && flight.isLeft === true;
  const goes = draft.flights.map((flight) => (isMarked(flight) || isLeft(flight)) && !flight.pushing);
  if (!goes.includes(true)) return [];
  markRejected(draft, consumer, (i) => goes[i] === true);
  const landed = draft.flights.filter((_, i) => goes[i]);
  draft.flights = draft.flights.filter((_, i) => !goes[i]);
  return landed;
}

function isMarkedOf(consumer: number): (flight: Flight) => boolean {
  return (flight) => flight.consumer === consumer && flight.unanswered !== undefined;
}

function recalled(flight: Flight, { now, limits }: Context): Flight {
  if (flight.deadline > 0 || flight.pushing) return flight;
  return { ...flight, deadline: now + limits.unknownPostMs, arrived: true, isLeft: true };
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
