import { type Context, type Draft, readyCount } from '../state/draft.ts';
import { inFlightByConsumer } from '../state/flights.ts';
import type { Consumer } from '../state/state.ts';
import { audience } from './audience.ts';

/** Somebody who takes messages in this turn, and how many; a pull's are to be acknowledged before its deadline. */
export type Server = { readonly consumer: Consumer; readonly credit: number; readonly deadline: number };

/**
 * Pulls first: their callers wait. Then the consumers that have room, and whose connections take something. A topic has
 * its audience alone.
 */
export function findServers(draft: Draft, context: Context): Server[] {
  if (context.audience !== undefined) {
    return context.audience > 0 ? [{ consumer: audience, credit: context.limits.turnMessages, deadline: 0 }] : [];
  }
  const pulls = servePulls(draft, context);
  return [...pulls, ...openPushes(draft, context)];
}

/** Consumers with room whose connections take something. */
function openPushes(draft: Draft, { congested, refused }: Pick<Context, 'congested' | 'refused'>): Server[] {
  return servePushes(draft).filter(({ consumer }) => !congested.has(consumer.connection) && !refused.has(consumer.id));
}

/** Whether something is ready, and a consumer there to get it at once. */
export function canServe(draft: Draft, context: Pick<Context, 'audience' | 'congested' | 'refused'>): boolean {
  if (readyCount(draft) === 0) return false;
  return context.audience === undefined ? openPushes(draft, context).length > 0 : context.audience > 0;
}

/** When consumers with room are given something again that a transport refused, in milliseconds since the epoch. */
export function refusedUntil(draft: Draft, { refused }: Pick<Context, 'refused'>): readonly number[] {
  if (refused.size === 0) return [];
  return servePushes(draft).flatMap(({ consumer }) => refused.get(consumer.id) ?? []);
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
  const inFlight = inFlightByConsumer(draft);
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

/** Connections whose consumers have room for what is ready, and get nothing until they have read what they were sent. */
export function leftOut(draft: Draft, { congested, audience }: Context): readonly string[] {
  if (congested.size === 0 || audience !== undefined || readyCount(draft) === 0) return [];
  const connections = servePushes(draft).map(({ consumer }) => consumer.connection);
  return [...new Set(connections)].filter((connection) => congested.has(connection));
}

/** Whether some consumer could take a message now. A topic's messages go at any time, to nobody if nobody is there. */
export function hasCredit(draft: Draft, context: Pick<Context, 'audience'>): boolean {
  return context.audience !== undefined || draft.pulls.length > 0 || hasRoomToPush(draft);
}

/** Whether some connected consumer has room. */
export function hasRoomToPush(draft: Draft): boolean {
  return servePushes(draft).length > 0;
}
