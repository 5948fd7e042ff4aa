import { dropConnection } from '../broker/connections.ts';
import { endExpiredSessions, endRevokedSessions, noteRevocation, sweepRevocations } from '../broker/sessions.ts';
import { BrokerError } from '../model/errors.ts';
import { errorFrame } from '../stomp/replies.ts';
import type { Bench } from './parts.ts';

const ended = new BrokerError('UNAUTHENTICATED', 'The credentials of this connection have expired or were revoked.');

/**
 * Takes a connection's consumers out first, so that it gets nothing more whatever becomes of its socket.
 * @throws what closing it throws: the next sweep tries again
 */
async function evict({ broker, push }: Bench, connection: string): Promise<void> {
  await dropConnection(broker, connection, 'lost');
  await push.post(connection, errorFrame(ended, undefined, '1.2'), broker.limits.postMs);
  await push.close(connection);
}

/** Changes a user by `change`, and ends the sessions that it had before. */
export async function whileRevoking<T>(bench: Bench, user: string, change: () => Promise<T>): Promise<T> {
  await noteRevocation(bench.broker, user);
  const changed = await change();
  bench.access?.forget(user);
  await endRevokedSessions(bench.broker, user, (connection) => evict(bench, connection));
  return changed;
}

/** Ends the sessions whose token has expired. */
export async function evictExpired(bench: Bench): Promise<void> {
  await endExpiredSessions(bench.broker, (connection) => evict(bench, connection));
}

/** Ends what should have ended. */
export async function sweepSessions(bench: Bench): Promise<void> {
  await evictExpired(bench);
  await sweepRevocations(bench.broker, (connection) => evict(bench, connection));
}
