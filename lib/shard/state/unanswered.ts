import type { Draft } from './draft.ts';
import type { Unanswered } from './past.ts';
import type { Flight } from './state.ts';

/** In place of a consumer's number. */
export const SEVERAL = -1;
/** In place of the deadline of what was being pushed: all of it was one push. */
const PUSHING = -1;

/**
 * Before deliveries end of which their consumers say nothing: marks all that those consumers have, if they acknowledge
 * cumulatively, so that the order of what they had first is known still when some of it goes out again.
 */
export function markUnanswered(draft: Draft, ends: (flight: Flight) => boolean): void {
  const ending = draft.flights.filter((flight) => ends(flight));
  if (ending.length === 0) return;
  const cumulative = new Set(draft.consumers.flatMap(({ ack, number }) => (ack === 'client' ? [number] : [])));
  const concerned = new Set(ending.map(({ consumer }) => consumer).filter((consumer) => cumulative.has(consumer)));
  if (concerned.size > 0) markInOrder(draft, concerned, ends);
}

/**
 * Before a cumulative consumer's rejection by message id takes effect: an acknowledgement that it sent before that may be
 * on its way, and come when some of this went out again.
 * @param isRejected whether a flight is, or may be; with its place
 */
export function markRejected(draft: Draft, consumer: number, isRejected: (i: number, flight: Flight) => boolean): void {
  markInOrder(draft, new Set([consumer]), (flight, i) => isRejected(i, flight));
  // That it was there first says nothing of it any more: a rejection was the answer.
  draft.flights = draft.flights.map((flight, i) => {
    const { unanswered } = flight;
    if (!unanswered || flight.consumer !== consumer || !isRejected(i, flight)) return flight;
    return { ...flight, unanswered: { ...unanswered, order: -Math.abs(unanswered.order) } };
  });
}

function markInOrder(draft: Draft, concerned: ReadonlySet<number>, ends: (flight: Flight, i: number) => boolean): void {
  let posts = Math.max(
    0,
    ...[...draft.flights, ...draft.returned, ...draft.delayed].map((range) => Math.abs(range.unanswered?.order ?? 0)),
  );
  let doubtful = 0;
  draft.flights = draft.flights.map((flight, i) => {
    // What is being pushed came last: its turn to be marked comes when that ends.
    if (!concerned.has(flight.consumer) || (flight.pushing && !ends(flight, i))) return flight;
    const doubt = flight.pushing ? PUSHING : flight.arrived ? 0 : flight.deadline;
    // What has one deadline was one post.
    if (doubt === 0 || doubt !== doubtful) posts++;
    doubtful = doubt;
    return { ...flight, unanswered: marked(flight, doubt === 0 ? posts : -posts, ends(flight, i)) };
  });
}

/**
 * Of what a consumer surely had twice already, the first time counts. Where that is not sure, the second time may be
 * meant, and what came with the first may have come after that.
 */
function marked({ consumer, unanswered }: Flight, order: number, ends: boolean): Unanswered {
  if (!unanswered) return { consumer, order };
  const isKept = unanswered.consumer === consumer && (unanswered.order > 0 || !ends);
  return isKept ? unanswered : { consumer: SEVERAL, order };
}

/** Consumers that are gone name nothing any more. */
export function unmark(draft: Draft, gone: ReadonlySet<number>): void {
  const isTheirs = ({ unanswered }: { unanswered?: Unanswered }) => unanswered && gone.has(unanswered.consumer);
  if (![...draft.flights, ...draft.returned, ...draft.delayed].some(isTheirs)) return;
  const without = <R extends { unanswered?: Unanswered }>(range: R): R => {
    if (!isTheirs(range)) return range;
    const { unanswered, ...rest } = range;
    return rest as R;
  };
  draft.flights = draft.flights.map(without);
  draft.returned = draft.returned.map(without);
  draft.delayed = draft.delayed.map(without);
}

/** Whether nobody can say which delivery is meant, nor what came before all of them. */
export function isMeantAlone({ unanswered }: Flight): boolean {
  return unanswered?.consumer === SEVERAL;
}

/**
 * Whether the consumer of `named` had `flight` before it, whichever delivery of `named` is meant.
 * @param flight one that it was given before `named` as it was given last
 */
export function wasBefore(flight: Flight, named: Flight): boolean {
  const { consumer, unanswered: mark } = named;
  if (isMeantAlone(named)) return false;
  if (mark?.consumer !== consumer) return true;
  const { unanswered: before } = flight;
  if (before?.consumer !== consumer) return false;
  if (before.order === mark.order) return flight.first < named.first;
  return before.order > 0 && before.order < Math.abs(mark.order);
}
