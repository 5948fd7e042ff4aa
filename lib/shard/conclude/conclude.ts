import type { PlannedDelivery } from '../plan/deal.ts';
import { type Context, type Draft, total } from '../state/draft.ts';
import { dismiss, endDelivery } from '../state/flights.ts';
import { endOf } from '../state/ranges.ts';
import type { Flight } from '../state/state.ts';

/** What became of a push to one consumer. */
export type PushOutcome =
  | 'sent'
  /** The connection is gone, and had nothing of this. */
  | 'gone'
  /** The connection is gone, and had some of this. */
  | 'lost'
  /** It may or may not have arrived. */
  | 'unknown'
  /** It never left: the lease ran short, or the transport refused it for now. */
  | 'unsent';

/** What became of a turn's pushes. */
export type Pushes = {
  readonly pushed: ReadonlyMap<PlannedDelivery, PushOutcome>;
  /**
   * Sequences of planned messages that had expired when the rest of their delivery went out: they stayed behind. A
   * delivery of which nothing was left is not in `pushed`.
   */
  readonly expired?: ReadonlySet<number> | undefined;
};

const none: ReadonlySet<number> = new Set();

type Fate = { readonly outcome: PushOutcome; readonly isAuto: boolean };

/**
 * Writes the outcomes of a turn's pushes into the state: deliveries stay in flight, are done, or are ready again, each message
 * by itself where some had expired. One pass over what is in flight and one over the consumers, however many pushes there
 * were.
 */
export function conclude(draft: Draft, { pushed, expired = none }: Pushes, context: Context): void {
  if (pushed.size === 0 && expired.size === 0) return;
  const fates = new Map<Flight, Fate>();
  const arrived = new Set<number>();
  const gone = new Set<number>();
  const doubtful = new Set<number>();
  for (const [{ consumer, flights }, outcome] of pushed) {
    for (const flight of flights) fates.set(flight, { outcome, isAuto: consumer.ack === 'auto' });
    if (outcome !== 'sent') draft.givenBack = true;
    if (outcome === 'sent') arrived.add(consumer.number);
    if (outcome === 'gone' || outcome === 'lost') gone.add(consumer.number);
    if (outcome === 'unknown') doubtful.add(consumer.number);
  }
  const deadlines = deadlinesOfDoubt(draft, doubtful, context);
  const unsent: Flight[] = [];
  draft.flights = draft.flights.flatMap((flight) => {
    const fate = fates.get(flight);
    const alive = expired.size > 0 ? aliveOf(draft, flight, expired) : [flight];
    return fate ? alive.flatMap((part) => fateOf(draft, part, fate, unsent, deadlines)) : alive;
  });
  for (const flight of unsent) endDelivery(draft, flight, 'unsent');
  if (gone.size > 0) dismiss(draft, (number) => gone.has(number), 'lost');
  if (arrived.size > 0) refreshSeen(draft, arrived, context);
}

/** The parts of a flight that have not expired; the others are done. */
function aliveOf(draft: Draft, flight: Flight, expired: ReadonlySet<number>): readonly Flight[] {
  const alive: Flight[] = [];
  let first = flight.first;
  for (let sequence = first; sequence <= endOf(flight); sequence++) {
    if (sequence < endOf(flight) && !expired.has(sequence)) continue;
    if (sequence > first) alive.push({ ...flight, first, count: sequence - first });
    first = sequence + 1;
  }
  const over = flight.count - total(alive);
  draft.counts.expired += over;
  return over > 0 ? alive : [flight];
}

function fateOf(
  draft: Draft,
  flight: Flight,
  fate: Fate,
  unsent: Flight[],
  deadlines: ReadonlyMap<number, number>,
): Flight[] {
  switch (fate.outcome) {
    case 'sent':
      return afterArrival(draft, flight, fate.isAuto);
    case 'unknown':
      return afterDoubt(draft, flight, fate.isAuto, deadlines.get(flight.consumer) ?? 0);
    case 'lost':
      return [flight];
    case 'gone':
    case 'unsent':
      unsent.push(flight);
      return [];
  }
}

function afterArrival(draft: Draft, flight: Flight, isDone: boolean): Flight[] {
  if (!isDone) return [flight.pushing ? { ...flight, pushing: false } : flight];
  draft.counts.acknowledged += flight.count;
  return [];
}

/** What nobody heard of comes back after a while; non-persistent messages, which are never pushed twice, are over then. */
function afterDoubt(draft: Draft, flight: Flight, isAuto: boolean, deadline: number): Flight[] {
  if (!flight.transient || !isAuto) return [{ ...flight, pushing: false, deadline }];
  draft.counts.dropped += flight.count;
  return [];
}

/** One of its own for each post: two of a consumer may have arrived without each other. */
function deadlinesOfDoubt({ flights }: Draft, doubtful: ReadonlySet<number>, { now, limits }: Context) {
  const taken = new Map([...doubtful].map((consumer) => [consumer, new Set<number>()]));
  if (doubtful.size > 0) for (const { consumer, deadline } of flights) taken.get(consumer)?.add(deadline);
  return new Map(
    [...taken].map(([consumer, deadlines]) => {
      let deadline = now + limits.unknownPostMs;
      while (deadlines.has(deadline)) deadline++;
      return [consumer, deadline];
    }),
  );
}

function refreshSeen(draft: Draft, arrived: ReadonlySet<number>, context: Context): void {
  const seen = Math.floor(context.now / 1000);
  const patience = Math.floor(context.limits.probeMs / 1000);
  draft.consumers = draft.consumers.map((consumer) =>
    arrived.has(consumer.number) ? { ...consumer, seen, patience } : consumer,
  );
}
