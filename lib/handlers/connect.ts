import middy from '@middy/core';
import { notAuthenticated } from '../access/credentials.ts';
import type { Principal } from '../access/principal.ts';
import { writeConnection } from '../broker/sessions/connections.ts';
import { asBrokerError, BrokerError, errorFaces } from '../model/errors.ts';
import { hintsOf } from '../rest/gate.ts';
import { claimIfFree } from './deployment-claim.ts';
import type { Environment } from './environment.ts';
import { headerIn, type SocketEvent } from './events.ts';
import { identify } from './identify.ts';
import { endAfterwards, observed } from './middleware.ts';

const protocols = ['v12.stomp', 'v11.stomp', 'v10.stomp'];

type ConnectReply = { readonly statusCode: number; readonly headers: Readonly<Record<string, string>> };

/**
 * Takes `$connect`: the connection is known from here on, and its subprotocol is answered. Wrong credentials are
 * refused with 401, and with 503 what cannot be judged for now; one that bears none shows them in its CONNECT, unless
 * they are asked for here.
 */
export function connectHandler(environment: Environment) {
  let claiming = environment.given.isDeployment ? undefined : Promise.resolve();
  return middy<SocketEvent, ConnectReply>()
    .use(observed(environment))
    .use(endAfterwards(environment))
    .handler(async (event) => {
      const principal = await principalOf(environment, event);
      if (principal instanceof BrokerError) return refuse(environment, principal);
      // Plain TCP has no upgrade, and no headers: its CONNECT shows them.
      const isAsked = environment.access?.credentialsAtUpgrade && event.headers !== undefined;
      if (!principal && isAsked) return refuse(environment, notAuthenticated());
      const { connectionId } = event.requestContext;
      environment.broker.meter('connects', 1);
      claiming ??= claimIfFree(environment.broker.store);
      await Promise.all([
        claiming.catch(() => {
          claiming = undefined;
        }),
        writeConnection(environment.broker, connectionId, { version: '', subscriptions: [], principal }),
      ]);
      const protocol = pickProtocol(headerIn(event.headers ?? {}, 'sec-websocket-protocol'));
      return { statusCode: 200, headers: protocol ? { 'Sec-WebSocket-Protocol': protocol } : {} };
    });
}

/** @returns a failure that the client is to know; undefined for nobody yet */
async function principalOf(
  { access }: Environment,
  { requestContext, ...upgrade }: SocketEvent,
): Promise<Principal | BrokerError | undefined> {
  if (!access || requestContext.principal) return requestContext.principal;
  try {
    return await identify(access, upgrade);
  } catch (cause) {
    const error = asBrokerError(cause);
    if (error.code === 'UNAUTHENTICATED' || error.retryable) return error;
    throw error;
  }
}

function refuse({ broker, access }: Environment, error: BrokerError): ConnectReply {
  const { code, retryable } = error;
  if (retryable) broker.log('connection refused', { code });
  return { statusCode: errorFaces[code].http, headers: hintsOf(error, access) };
}

/** The best STOMP subprotocol that is offered. @see STOMP over WebSocket: `v12.stomp` and older */
export function pickProtocol(offered: string | undefined): string | undefined {
  const names = (offered ?? '').split(',').map((name) => name.trim());
  return protocols.find((protocol) => names.includes(protocol));
}
