import type { Delivery } from '../model/message.ts';
import { locate, readyCount } from '../shard/draft.ts';
import { isDead } from '../shard/lease.ts';
import type { State } from '../shard/state.ts';
import type { Head } from '../store/port.ts';
import { Reading } from './bodies.ts';
import { deliveryOf } from './deliveries.ts';
import { append, becomeMaster } from './inbox.ts';
import { lead, leadLater } from './lead.ts';
import type { Broker } from './parts.ts';
import { entriesOf, shardOf, stateOfHead, viewHead } from './shards.ts';
import { leaveShard } from './upkeep.ts';

export type Receive = {
  /** At most this many messages, from 1. */
  readonly max: number;
  /** How long to wait for the first one; 0 takes what is there. */
  readonly waitMs: number;
  /** Until when what was received must be acknowledged; after that it is ready again. */
  readonly visibilityMs: number;
};

/** How long a look at a head that others are working on waits before it looks again. */
const LOOK_AGAIN_MS = 1000;

/**
 * Pulls messages from a queue. Waits by reading alone: only when work is visible does it write.
 * @returns an empty list when the wait is over; a queue that is not there is an empty one
 */
export async function receive(broker: Broker, queue: string, pull: Receive): Promise<readonly Delivery[]> {
  const { clock, store } = broker;
  const shard = shardOf(queue);
  const giveUpAt = clock.now() + pull.waitMs;
  for (;;) {
    const head = await store.readHead(shard);
    if (head && canTake(broker, head)) {
      const deliveries = await take(broker, shard, pull);
      if (deliveries.length > 0) return deliveries;
    }
    const left = giveUpAt - clock.now();
    if (left <= 0) return [];
    await store.awaitChange(shard, head, Math.min(left, untilDeadline(broker, head)));
  }
}

/** A shard with as much in flight as it may have gives nothing out: asking it would be a write for nothing. */
function canTake(broker: Broker, head: Head): boolean {
  const { ready, inFlight } = viewHead(broker, head);
  return ready > 0 && inFlight < broker.limits.inFlightPerShard;
}

/** A message whose deadline passes becomes ready without any write. */
function untilDeadline({ clock }: Broker, head: Head | undefined): number {
  if (!head) return Number.POSITIVE_INFINITY;
  const now = clock.now();
  const deadlines = stateOfHead(head)
    .flights.map((flight) => flight.deadline)
    // What is past its deadline and not ready has had its last delivery: a turn takes it away.
    .filter((deadline) => deadline > now);
  return Math.min(...deadlines) - now;
}

async function take(broker: Broker, shard: string, pull: Receive): Promise<readonly Delivery[]> {
  const id = broker.random.id();
  const deadline = broker.clock.now() + pull.visibilityMs;
  const request = { kind: 'receive', max: pull.max, deadline } as const;
  const { head, mastership } = await append(broker, shard, [{ id, request }], { ring: true });
  if (!mastership) return await awaitTurn(broker, head, id);
  const { promise, resolve, reject } = Promise.withResolvers<readonly Delivery[] | undefined>();
  broker.defer(async () => {
    try {
      await lead(broker, mastership, (served, deliveries) => {
        if (served === id) resolve(deliveries);
      });
      resolve(undefined);
    } catch (error) {
      reject(error);
      throw error;
    }
  });
  // Another master may have come between, and served the pull.
  return (await promise) ?? (await awaitTurn(broker, head, id));
}

/** Another master serves the pull: its commit shows what it gave. */
async function awaitTurn(broker: Broker, appended: Head, id: string): Promise<readonly Delivery[]> {
  const { clock, limits, store } = broker;
  const { shard } = appended;
  const giveUpAt = clock.now() + limits.retryMs;
  let head: Head | undefined = appended;
  while (head && entriesOf(head).some((entry) => entry.id === id)) {
    if (clock.now() >= giveUpAt) return await withdraw(broker, shard, id);
    await store.awaitChange(shard, head, LOOK_AGAIN_MS);
    head = await store.readHead(shard);
    const isLed = head?.lease && !isDead(head.lease, clock.now(), broker.epoch, limits);
    const elected = isLed ? undefined : await becomeMaster(broker, shard);
    leadLater(broker, elected);
  }
  return head ? await deliveriesOf(broker, shard, stateOfHead(head), id) : [];
}

/** Nobody waits for the pull any more: what it may have been given already is ready again. */
async function withdraw(broker: Broker, shard: string, id: string): Promise<readonly Delivery[]> {
  await leaveShard(broker, shard, [{ id }], 'unsubscribed');
  return [];
}

/** What a pull has in flight, by the state. */
async function deliveriesOf(broker: Broker, shard: string, state: State, id: string): Promise<readonly Delivery[]> {
  const consumer = state.consumers.find((candidate) => candidate.id === id);
  const flights = state.flights.filter((flight) => flight.consumer === consumer?.number);
  const reading = new Reading(broker, shard);
  const keys = new Set<string>();
  const sequences = flights.flatMap((flight) =>
    Array.from({ length: flight.count }, (_, i) => ({ flight, sequence: flight.first + i })),
  );
  for (const { sequence } of sequences) keys.add(locate(state.held, sequence).key);
  await reading.fetch({ kind: 'needs', pages: [], batches: [...keys] });
  const stamp = { incarnation: state.incarnation, backlog: readyCount(state) > 0, cumulative: false };
  return sequences.flatMap(({ flight, sequence }) => {
    const { key, offset, first } = locate(state.held, sequence);
    const index = offset + sequence - first;
    const message = reading.lookup.batch(key)?.[index];
    if (!message) return [];
    const { attempt, failures, redelivered } = flight;
    return [deliveryOf(shard, stamp, { message, sequence, attempt, failures, redelivered, key, index })];
  });
}
