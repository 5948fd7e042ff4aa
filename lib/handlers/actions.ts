import type { ConnectionSubscription } from '../broker/sessions/connections.ts';
import { requeueAt, type Settling } from '../broker/verbs/settling.ts';
import type { AddressedMessage } from '../broker/verbs/transact.ts';
import { formatDestination } from '../model/destination.ts';
import { BrokerError } from '../model/errors.ts';
import type { Appending } from './appends.ts';

/** What a command of a transaction is to do; `isVoid` if it is to end what this connection does not have. */
export type Action =
  | { readonly send: AddressedMessage; readonly settling?: undefined }
  | { readonly shard: string; readonly settling: Settling; readonly send?: undefined }
  | { readonly isVoid: true; readonly settling?: undefined; readonly send?: undefined };

/**
 * What a command means as it comes: by COMMIT, another subscription may bear the name of the one that it names.
 * @param now in milliseconds since the epoch: delays begin here, and not with COMMIT
 * @returns undefined where there is nothing to do, since what a topic, a browser or `ack:auto` gave is done already
 * @throws BrokerError INVALID_HEADER where STOMP 1.0 may do without the subscription, and several may be meant
 */
export function actionOf(
  subscriptions: readonly ConnectionSubscription[],
  command: Appending,
  now: number,
): Action | undefined {
  if (command.kind === 'send') return { send: { destination: command.destination, message: command.message } };
  const requeue = requeueAt(now, command.requeue);
  if ('token' in command) {
    const { kind, token } = command;
    return { shard: token.shard, settling: { kind, token, ...requeue } };
  }
  const { kind, messageId, subscription } = command;
  const named = subscriptions.filter(({ id }) => subscription === undefined || id === subscription);
  if (named.length === 0) return { isVoid: true };
  const [meant, other] = named.filter(mayHave);
  if (!meant) return undefined;
  if (other) throw unnamed();
  const { consumer, ack, destination } = meant;
  return {
    shard: formatDestination(destination),
    settling: { kind, consumer, ...messageId, upTo: ack === 'client', ...requeue },
  };
}

function mayHave({ destination, browses, ack }: ConnectionSubscription): boolean {
  return destination.kind === 'queue' && !browses && ack !== 'auto';
}

function unnamed(): BrokerError {
  const message = 'In a transaction, ACK needs the header subscription where the connection has several to queues.';
  return new BrokerError('INVALID_HEADER', message);
}

/** Whether it is of a subscription that is over, and what that had is ready again. */
export function isOver({ settling }: Action, subscriptions: readonly ConnectionSubscription[]): boolean {
  if (!settling || 'token' in settling) return false;
  return !subscriptions.some(({ consumer }) => consumer === settling.consumer);
}

/** What was acknowledged or rejected in a transaction, rejected as its end does it. */
export function rejectionOf(settling: Settling): Settling {
  if (!('token' in settling)) {
    const { requeue: _, ...named } = settling;
    return { ...named, kind: 'reject-message' };
  }
  return { kind: 'reject', token: settling.token };
}
