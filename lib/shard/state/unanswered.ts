import type { Draft } from './draft.ts';
import type { Flight, Unanswered } from './state.ts';

/** In place of a consumer's number. */
export const SEVERAL = -1;

type Marked = { readonly unanswered?: Unanswered | undefined };

/** The mark alone, where there is one. */
export function unansweredOf({ unanswered }: Marked): { unanswered?: Unanswered } {
  return unanswered ? { unanswered } : {};
}

export function areAlikeUnanswered({ unanswered: a }: Marked, { unanswered: b }: Marked): boolean {
  return a?.consumer === b?.consumer && a?.order === b?.order;
}

/**
 * Before deliveries end of which their consumers say nothing: marks all that those consumers have, if they acknowledge
 * cumulatively, so that the order of what they had first is known still when some of it goes out again.
 */
export function markUnanswered(draft: Draft, ends: (flight: Flight) => boolean): void {
  const cumulative = new Set(draft.consumers.flatMap(({ ack, number }) => (ack === 'client' ? [number] : [])));
  const isConcerned = (flight: Flight) => ends(flight) && !flight.transient && cumulative.has(flight.consumer);
  const concerned = new Set(draft.flights.filter(isConcerned).map(({ consumer }) => consumer));
  if (concerned.size === 0) return;
  let posts = Math.max(
    0,
    ...[...draft.flights, ...draft.returned].map((range) => Math.abs(range.unanswered?.order ?? 0)),
  );
  let doubtful = 0;
  draft.flights = draft.flights.map((flight) => {
    const { consumer, deadline } = flight;
    if (!concerned.has(consumer)) return flight;
    // What has one deadline was one post.
    if (deadline === 0 || deadline !== doubtful) posts++;
    doubtful = deadline;
    return { ...flight, unanswered: marked(flight, deadline === 0 ? posts : -posts) };
  });
}

/** Of what it had twice already, the first time counts. */
function marked({ consumer, unanswered }: Flight, order: number): Unanswered {
  if (!unanswered) return { consumer, order };
  return unanswered.consumer === consumer ? unanswered : { consumer: SEVERAL, order };
}

/**
 * Whether the consumer of `named` had `flight` before it, whichever delivery of `named` is meant.
 * @param flight one that it was given before `named` as it was given last
 */
export function wasBefore(flight: Flight, named: Flight): boolean {
  const { consumer, unanswered: mark } = named;
  if (!mark || (mark.consumer !== consumer && mark.consumer !== SEVERAL)) return true;
  const { unanswered: before } = flight;
  if (mark.consumer === SEVERAL || before?.consumer !== consumer) return false;
  if (before.order === mark.order) return flight.first < named.first;
  return before.order > 0 && before.order < Math.abs(mark.order);
}
