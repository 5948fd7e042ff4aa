import type { Caller } from '../../model/caller.ts';
import type { Delivery } from '../../model/message.ts';
import { locate, readyCount } from '../../shard/state/draft.ts';
import type { State } from '../../shard/state/state.ts';
import type { Head } from '../../store/port.ts';
import { Reading } from '../bodies/reading.ts';
import type { Broker } from '../broker.ts';
import { leaveShard } from '../effects/probes.ts';
import type { Called, Waiter } from '../lines.ts';
import { shardOf, stateOfHead } from '../shards.ts';
import { deliveryOf } from '../turn/deliveries.ts';
import { awaitAbsorbed } from './absorbed.ts';
import { serveLine } from './pull-line.ts';

export type Receive = {
  /** At most this many messages, from 1. */
  readonly max: number;
  /** How long to wait for the first one; 0 takes what is there. */
  readonly waitMs: number;
  /** Until when what was received must be acknowledged; after that it is ready again. */
  readonly visibilityMs: number;
  /** What one takes who goes before the answer has gone out, is ready again. Default: nobody is known to go. */
  readonly caller?: Caller | undefined;
};

/**
 * Pulls messages from a queue. Waits by reading alone: only when there is something for it does it write. Of those who
 * wait in one process, who came first is served first.
 * @returns an empty list when the wait is over; a queue that is not there is an empty one
 */
export async function receive(broker: Broker, queue: string, pull: Receive): Promise<readonly Delivery[]> {
  const shard = shardOf(queue);
  const { clock, limits } = broker;
  const endsAt = clock.now() + limits.requestMs;
  // What is left then is for the turn.
  const giveUpAt = Math.min(clock.now() + pull.waitMs, Math.max(clock.now(), endsAt - limits.leaseMs));
  const place = broker.lines.takePlace();
  const { caller } = pull;
  for (;;) {
    const called = await standInLine(broker, shard, pull, place, { giveUpAt, endsAt });
    if (!called) return [];
    const giveBack = () => broker.defer(() => withdraw(broker, shard, called.id, caller));
    caller?.gone.addEventListener('abort', giveBack, { once: true });
    if (caller?.gone.aborted) giveBack();
    let deliveries: readonly Delivery[];
    try {
      deliveries = await answerOf(broker, called, endsAt, caller?.gone);
    } catch (error) {
      // Its caller hears of the failure alone: what the pull gets yet is nobody's.
      broker.defer(() => withdraw(broker, shard, called.id));
      throw error;
    } finally {
      called.onAnswered();
    }
    if (deliveries.length > 0) return deliveries;
    caller?.gone.removeEventListener('abort', giveBack);
    if (caller?.gone.aborted || clock.now() >= giveUpAt) return [];
  }
}

/** @returns undefined if the wait is over, or nobody waits any more */
function standInLine(
  broker: Broker,
  shard: string,
  { max, visibilityMs, caller }: Receive,
  place: number,
  times: Pick<Waiter, 'giveUpAt' | 'endsAt'>,
): Promise<Called | undefined> {
  if (caller?.gone.aborted) return Promise.resolve(undefined);
  const { promise, resolve, reject } = Promise.withResolvers<Called | undefined>();
  const waiter = { place, max, visibilityMs, ...times, resolve, reject };
  const line = broker.lines.enter(shard, waiter, (begun) => serveLine(broker, shard, begun));
  const leave = () => {
    if (line.leave(waiter)) resolve(undefined);
  };
  caller?.gone.addEventListener('abort', leave, { once: true });
  return promise.finally(() => caller?.gone.removeEventListener('abort', leave));
}

async function answerOf(
  broker: Broker,
  { id, head, answer }: Called,
  endsAt: number,
  gone: AbortSignal | undefined,
): Promise<readonly Delivery[]> {
  // Another master may have come between, and served the pull.
  return (await answer) ?? (await awaitTurn(broker, head, id, endsAt, gone));
}

/** Another master serves the pull: its commit shows what it gave. */
async function awaitTurn(
  broker: Broker,
  appended: Head,
  id: string,
  endsAt: number,
  gone: AbortSignal | undefined,
): Promise<readonly Delivery[]> {
  const { clock, limits } = broker;
  const { shard } = appended;
  const giveUpAt = Math.min(clock.now() + limits.retryMs, endsAt);
  const head = await awaitAbsorbed(broker, appended, id, { giveUpAt, gone });
  if (head === 'late') await withdraw(broker, shard, id);
  return head === 'late' || !head ? [] : await deliveriesOf(broker, shard, stateOfHead(head), id);
}

/** Nobody waits for the pull any more: what it may have been given already is ready again. */
async function withdraw(broker: Broker, shard: string, id: string, caller?: Caller): Promise<void> {
  const reason = caller?.mayHaveHeard() ? 'unsubscribed' : 'unanswered';
  await leaveShard(broker, shard, [{ id }], reason);
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
