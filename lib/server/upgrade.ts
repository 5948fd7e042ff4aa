import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Access } from '../access/access.ts';
import { notAuthenticated } from '../access/credentials.ts';
import type { Principal } from '../access/principal.ts';
import { identify } from '../handlers/identify.ts';
import { asBrokerError, errorFaces } from '../model/errors.ts';
import { hintsOf } from '../rest/gate.ts';
import type { Trace } from './options.ts';
import { refuseUpgrade } from './websocket.ts';

/** Who may connect; nobody yet where the upgrade bears no credentials. */
type Admitted = { readonly principal: Principal | undefined };

/**
 * Asks for the credentials of an upgrade before it is taken; wrong ones are refused.
 * @returns undefined if the upgrade was refused
 */
export async function admitUpgrade(
  access: Access | undefined,
  { headers, url = '' }: IncomingMessage,
  socket: Duplex,
  trace: Trace = () => {},
): Promise<Admitted | undefined> {
  if (!access) return { principal: undefined };
  const giveUp = () => socket.destroy();
  socket.on('error', giveUp);
  const queryStringParameters = Object.fromEntries(new URLSearchParams(url.split('?', 2)[1]));
  try {
    const principal = await identify(access, {
      headers: { authorization: headers.authorization },
      queryStringParameters,
    });
    if (!principal && access.credentialsAtUpgrade) throw notAuthenticated();
    return { principal };
  } catch (cause) {
    const error = asBrokerError(cause);
    trace('upgrade refused', { code: error.code });
    const status = errorFaces[error.code].http;
    refuseUpgrade(socket, `${status} ${STATUS_CODES[status]}`, hintsOf(error, access));
    return undefined;
  } finally {
    socket.off('error', giveUp);
  }
}
