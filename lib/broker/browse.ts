import { BrokerError } from '../model/errors.ts';
import { expiryOf, type Message } from '../model/message.ts';
import { type Draft, type Lookup, locate, type Needs } from '../shard/draft.ts';
import { readySpans } from '../shard/ready.ts';
import type { Reference } from '../shard/reference.ts';
import { Reading } from './bodies.ts';
import type { Broker } from './parts.ts';
import { isRecorded } from './queues.ts';
import { shardOf, viewHead } from './shards.ts';

/** A message as a browse shows it. */
export type Browsed = {
  readonly message: Message;
  readonly messageId: string;
  /** Its place in the queue's order: the next page begins after it. */
  readonly sequence: number;
  /** True while it is with a consumer. */
  readonly inFlight: boolean;
  readonly redelivered: boolean;
};

type Place = { readonly sequence: number; readonly reference: Reference } & Pick<Browsed, 'inFlight' | 'redelivered'>;
type Found = { readonly kind: 'found'; readonly messages: readonly Browsed[] };

/** After so many looks, what is still missing is taken for lost. */
const BROWSE_TRIES = 8;

/**
 * Shows messages that are not consumed yet, those in flight included, in the order of their sequence, without taking
 * them. @see JMS 3.1 §4.7 QueueBrowser
 * @param after the last sequence of the page before; 0 for the first
 */
export async function browse(broker: Broker, queue: string, after: number, limit: number): Promise<readonly Browsed[]> {
  const shard = shardOf(queue);
  for (let tries = 1; ; tries++) {
    const head = await broker.store.readHead(shard);
    if (!head) {
      if (await isRecorded(broker, queue)) return [];
      throw new BrokerError('NOT_FOUND', `There is no queue /queue/${queue}.`);
    }
    const { draft } = viewHead(broker, head);
    const now = broker.clock.now();
    const reading = new Reading(broker, shard);
    const { messages } = await reading.decide((lookup) => look(draft, lookup, after, limit, now));
    // A master goes on meanwhile, and what it uses up may be gone before it is read here.
    if (reading.hasAll || tries === BROWSE_TRIES) return messages;
  }
}

function look(draft: Draft, lookup: Lookup, after: number, limit: number, now: number): Found | Needs {
  const batches = new Set<string>();
  const messages: Browsed[] = [];
  for (const place of places(draft, lookup, after)) {
    if ('page' in place) return { kind: 'needs', pages: [place.page], batches: [...batches] };
    if (messages.length + batches.size >= limit) break;
    const { sequence, reference, inFlight, redelivered } = place;
    const batch = lookup.batch(reference.key);
    if (batch === undefined) batches.add(reference.key);
    const index = reference.offset + sequence - reference.first;
    const message = batch?.[index];
    const expires = message ? expiryOf(message.headers) : 0;
    if (!message || (expires > 0 && expires <= now)) continue;
    messages.push({ message, messageId: `${reference.key}-${index}`, sequence, inFlight, redelivered });
  }
  if (batches.size > 0) return { kind: 'needs', pages: [], batches: [...batches] };
  return { kind: 'found', messages };
}

/** What was drawn is below what is fresh. What had its last delivery is here until a turn has dead-lettered it. */
function* places(draft: Draft, lookup: Lookup, after: number): Generator<Place | { readonly page: string }> {
  const drawn: Place[] = [];
  const again = draft.returned.map((range) => ({ ...range, inFlight: false }));
  const dying = draft.dying.map((range) => ({ ...range, inFlight: false, redelivered: true }));
  const flying = draft.flights.map((flight) => ({ ...flight, inFlight: true }));
  for (const { first, count, inFlight, redelivered } of [...again, ...dying, ...flying]) {
    for (let sequence = Math.max(first, after + 1); sequence < first + count; sequence++) {
      drawn.push({ sequence, reference: locate(draft.held, sequence), inFlight, redelivered });
    }
  }
  yield* drawn.sort((a, b) => a.sequence - b.sequence);
  for (const span of readySpans({ ...draft, returned: [] }, lookup)) {
    if ('page' in span) {
      yield span;
      return;
    }
    for (let sequence = Math.max(span.first, after + 1); sequence < span.first + span.count; sequence++) {
      yield { sequence, reference: span.reference, inFlight: false, redelivered: span.redelivered };
    }
  }
}
