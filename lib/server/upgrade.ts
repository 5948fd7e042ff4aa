import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Access } from '../access/access.ts';
import { type AuthorizerContext, identify } from '../handlers/authorize.ts';
import { asBrokerError } from '../model/errors.ts';
import { refuseUpgrade } from './websocket.ts';

/**
 * Asks for the credentials of an upgrade, as the gateway's authorizer does; wrong ones are refused.
 * @returns what `$connect` is to know of them; undefined if the upgrade was refused
 */
export async function admitUpgrade(
  access: Access | undefined,
  { headers, url = '' }: IncomingMessage,
  socket: Duplex,
): Promise<AuthorizerContext | undefined> {
  if (!access) return {};
  const giveUp = () => socket.destroy();
  socket.on('error', giveUp);
  const queryStringParameters = Object.fromEntries(new URLSearchParams(url.split('?', 2)[1]));
  try {
    return await identify(access, { headers: { authorization: headers.authorization }, queryStringParameters }, true);
  } catch (error) {
    const isWrong = asBrokerError(error).code === 'UNAUTHENTICATED';
    refuseUpgrade(socket, isWrong ? '401 Unauthorized' : '503 Service Unavailable');
    return undefined;
  } finally {
    socket.off('error', giveUp);
  }
}
