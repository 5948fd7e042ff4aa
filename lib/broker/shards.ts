import { type Destination, formatDestination, isDeadLetterQueue } from '../model/destination.ts';
import { decodeEntry, type Entry } from '../shard/codec/entry.ts';
import { decodeState } from '../shard/codec/state-codec.ts';
import { emptyState, type State } from '../shard/state/state.ts';
import { type View, viewOf } from '../shard/view.ts';
import type { Head } from '../store/port.ts';
import type { Broker } from './broker.ts';
import { readStored } from './quarantine.ts';

const prefix = '/queue/';
const topicPrefix = '/topic/';

/** The shard of a queue. */
export function shardOf(queue: string): string {
  return prefix + queue;
}

/** The shard of a queue or a topic. */
export function shardAt(destination: Destination): string {
  return formatDestination(destination);
}

export function queueOf(shard: string): string {
  return shard.slice(prefix.length);
}

/** Whether the shard gives each message to everybody who is there, rather than to one consumer. */
export function isTopic(shard: string): boolean {
  return shard.startsWith(topicPrefix);
}

/** What exhausts its deliveries here goes to a dead-letter queue, unless this is one, or a topic. */
export function hasDeadLetters(shard: string): boolean {
  return !isTopic(shard) && !isDeadLetterQueue(queueOf(shard));
}

/**
 * The state as committed. Before the first commit it is empty, and every reader names it by its first entry.
 * @throws BrokerError CORRUPT, naming the shard
 */
export function stateOfHead({ shard, state, inbox: [first] }: Head): State {
  return readStored(shard, () => (state ? decodeState(state) : emptyState(first ? nameBy(decodeEntry(first)) : '')));
}

/** A repeat may make a shard anew that its first attempt had made before: that is another one. */
function nameBy({ id, attempt }: Entry): string {
  return id.slice(0, 6) + (attempt > 1 ? attempt : '');
}

/** @throws BrokerError CORRUPT, naming the shard */
export function entriesOf({ shard, inbox }: Head): readonly Entry[] {
  return readStored(shard, () => inbox.map(decodeEntry));
}

/** The shard as it would be with its inbox absorbed. */
export function viewHead(broker: Broker, head: Head): View {
  const { clock, epoch, limits } = broker;
  const { bodiesExpire } = broker.store;
  const deadLetters = hasDeadLetters(head.shard);
  // Who would get it matters to a turn alone.
  const audience = isTopic(head.shard) ? 0 : undefined;
  const viewing = { now: clock.now(), date: clock.date(), epoch, limits, deadLetters, audience, bodiesExpire };
  return viewOf(stateOfHead(head), entriesOf(head), viewing);
}
