import { dropConnection } from '../broker/sessions/connections.ts';
import {
  endExpiredSessions,
  endRevokedSessions,
  noteRevocation,
  sweepRevocations,
} from '../broker/sessions/sessions.ts';
import { frameFor } from '../gateway/push.ts';
import { BrokerError } from '../model/errors.ts';
import { errorFrame } from '../stomp/replies.ts';
import type { Environment } from './environment.ts';

const ended = new BrokerError('UNAUTHENTICATED', 'The credentials of this connection have expired or were revoked.');

/**
 * Takes a connection's consumers out first, so that it gets nothing more whatever becomes of its socket.
 * @throws what closing it throws: the next sweep tries again
 */
async function evict({ broker, push }: Environment, connection: string): Promise<void> {
  await dropConnection(broker, connection, 'lost');
  const farewell = frameFor(push, connection, errorFrame(ended, undefined, '1.2'));
  await push.post(connection, farewell, broker.limits.postMs);
  await push.close(connection);
}

/** Changes a user by `change`, and ends the sessions that it had before. */
export async function whileRevoking<T>(environment: Environment, user: string, change: () => Promise<T>): Promise<T> {
  await noteRevocation(environment.broker, user);
  const changed = await change();
  environment.access?.forget(user);
  await endRevokedSessions(environment.broker, user, (connection) => evict(environment, connection));
  return changed;
}

/** Ends the sessions whose token has expired. */
export async function evictExpired(environment: Environment): Promise<void> {
  await endExpiredSessions(environment.broker, (connection) => evict(environment, connection));
}

/** Ends what should have ended. */
export async function sweepSessions(environment: Environment): Promise<void> {
  await evictExpired(environment);
  await sweepRevocations(environment.broker, (connection) => evict(environment, connection));
}
