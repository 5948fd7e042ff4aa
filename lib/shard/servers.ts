import type { Context, Draft } from './draft.ts';
import { audience } from './fan-out.ts';
import type { Consumer } from './state.ts';

/** Somebody who takes messages in this turn, and how many; a pull's are to be acknowledged before its deadline. */
export type Server = { readonly consumer: Consumer; readonly credit: number; readonly deadline: number };

/** Pulls first: their callers wait. Then the consumers that have room. A topic has its audience alone. */
export function findServers(draft: Draft, context: Context): Server[] {
  if (context.audience !== undefined) {
    return context.audience > 0 ? [{ consumer: audience, credit: context.limits.turnMessages, deadline: 0 }] : [];
  }
  return [...servePulls(draft, context), ...servePushes(draft)];
}

/** A pull lives as a consumer for as long as something of it is in flight. */
function servePulls(draft: Draft, context: Context): Server[] {
  return draft.pulls.map(({ id, max, deadline }) => {
    const number = draft.nextConsumer++;
    const seen = Math.floor(context.now / 1000);
    const consumer: Consumer = {
      number,
      id,
      connection: '',
      subscription: '',
      ack: 'client-individual',
      prefetch: max,
      seen,
      patience: 0,
    };
    draft.consumers.push(consumer);
    return { consumer, credit: max, deadline };
  });
}

/** Consumers with room, beginning after the one that was served last. */
function servePushes(draft: Draft): Server[] {
  const inFlight = new Map<number, number>();
  for (const flight of draft.flights)
    inFlight.set(flight.consumer, (inFlight.get(flight.consumer) ?? 0) + flight.count);
  const open = draft.consumers
    .filter((consumer) => consumer.connection !== '')
    .map((consumer) => ({
      consumer,
      credit: Math.max(0, consumer.prefetch - (inFlight.get(consumer.number) ?? 0)),
      deadline: 0,
    }))
    .filter((server) => server.credit > 0);
  const later = open.filter((server) => server.consumer.number > draft.rotation);
  return [...later, ...open.filter((server) => server.consumer.number <= draft.rotation)];
}

/** Whether some consumer could take a message now. A topic's messages go at any time, to nobody if nobody is there. */
export function hasCredit(draft: Draft, context: Pick<Context, 'audience'>): boolean {
  return context.audience !== undefined || draft.pulls.length > 0 || servePushes(draft).length > 0;
}
