import type { PlannedDelivery } from './deal.ts';
import type { Context, Draft } from './draft.ts';
import { dismiss, endDelivery } from './flights.ts';
import type { Flight } from './state.ts';

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

/** Writes the outcome of a push into the state: the deliveries stay in flight, are done, or are ready again. */
export function conclude(draft: Draft, delivery: PlannedDelivery, outcome: PushOutcome, context: Context): void {
  const launched = new Set(delivery.flights);
  const { consumer } = delivery;
  if (outcome !== 'sent') draft.givenBack = true;
  switch (outcome) {
    case 'sent':
      draft.flights = draft.flights.flatMap((flight) =>
        launched.has(flight) ? afterArrival(draft, flight, consumer.ack === 'auto') : [flight],
      );
      refreshSeen(draft, consumer.number, context);
      return;
    case 'unknown':
      draft.flights = draft.flights.flatMap((flight) =>
        launched.has(flight) ? afterDoubt(draft, flight, consumer.ack === 'auto', context) : [flight],
      );
      return;
    case 'lost':
      dismiss(draft, (number) => number === consumer.number, 'counted');
      return;
    case 'unsent':
    case 'gone':
      draft.flights = draft.flights.filter((flight) => !launched.has(flight));
      for (const flight of delivery.flights) endDelivery(draft, flight, 'unsent');
      if (outcome === 'gone') dismiss(draft, (number) => number === consumer.number, 'counted');
  }
}

function afterArrival(draft: Draft, flight: Flight, isDone: boolean): Flight[] {
  if (!isDone) return [flight.pushing ? { ...flight, pushing: false } : flight];
  draft.counts.acknowledged += flight.count;
  return [];
}

/** Non-persistent messages are never pushed twice; others come back when nothing is heard of them. */
function afterDoubt(draft: Draft, flight: Flight, isAuto: boolean, context: Context): Flight[] {
  if (!flight.transient) {
    return [{ ...flight, pushing: false, deadline: context.now + context.limits.unknownPostMs }];
  }
  if (!isAuto) return [{ ...flight, pushing: false }];
  draft.counts.dropped += flight.count;
  return [];
}

function refreshSeen(draft: Draft, number: number, context: Context): void {
  const seen = Math.floor(context.now / 1000);
  const patience = Math.floor(context.limits.probeMs / 1000);
  draft.consumers = draft.consumers.map((consumer) =>
    consumer.number === number ? { ...consumer, seen, patience } : consumer,
  );
}
