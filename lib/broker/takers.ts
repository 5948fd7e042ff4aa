import type { Consumer } from '../shard/state/state.ts';
import type { Head } from '../store/port.ts';
import type { Broker } from './broker.ts';
import { isTopic, stateOfHead, viewHead } from './shards.ts';

/** Requests that did not ring may wait in the inbox, so many, before a turn is taken for them alone. */
const WAITING_MAX = 16;

/**
 * Whether somebody is there who may be given soon what was sent, who pulled something before among them. What waits for
 * long is not kept in memory.
 */
export function hasTakers({ lines }: Pick<Broker, 'lines'>, head: Head): boolean {
  return isTopic(head.shard) || lines.has(head.shard) || consumersIn(head).length > 0;
}

/** Whether somebody waits for what is sent now. */
export function hasListeners({ lines }: Pick<Broker, 'lines'>, head: Head): boolean {
  const isConnected = ({ connection }: Consumer) => connection !== '';
  return isTopic(head.shard) || lines.has(head.shard) || consumersIn(head).some(isConnected);
}

/** That a state is damaged is for the turn to find: what was sent is durable. */
function consumersIn(head: Head): readonly Consumer[] {
  try {
    return stateOfHead(head).consumers;
  } catch {
    return [];
  }
}

/**
 * Whether a turn has something to do, by a head that came back from requests which did not ring: now, or once a deadline
 * has passed that nobody had to wait for while its consumers had no room.
 */
export function unlocksWork(broker: Broker, head: Head): boolean {
  if (head.inbox.length >= WAITING_MAX) return true;
  const { hasWork, isUnwatched } = viewHead(broker, head);
  return hasWork || isUnwatched;
}
