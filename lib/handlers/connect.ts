import middy from '@middy/core';
import { readPrincipal } from '../access/principal.ts';
import { writeConnection } from '../broker/connections.ts';
import { headerIn, type SocketEvent } from './events.ts';
import { endAfterwards, observed } from './middleware.ts';
import type { Bench } from './parts.ts';

const protocols = ['v12.stomp', 'v11.stomp', 'v10.stomp'];

type ConnectReply = { readonly statusCode: number; readonly headers: Readonly<Record<string, string>> };

/** Takes `$connect`: the connection is known from here on, and its subprotocol is answered. */
export function connectHandler(bench: Bench) {
  return middy<SocketEvent, ConnectReply>()
    .use(observed(bench))
    .use(endAfterwards(bench))
    .handler(async (event) => {
      const { connectionId, authorizer } = event.requestContext;
      const principal = authorizer?.principal ? readPrincipal(authorizer.principal) : undefined;
      bench.broker.meter('connects', 1);
      await writeConnection(bench.broker, connectionId, { version: '', subscriptions: [], principal });
      const protocol = pickProtocol(headerIn(event.headers ?? {}, 'sec-websocket-protocol'));
      return { statusCode: 200, headers: protocol ? { 'Sec-WebSocket-Protocol': protocol } : {} };
    });
}

/** The best STOMP subprotocol that is offered. @see STOMP over WebSocket: `v12.stomp` and older */
export function pickProtocol(offered: string | undefined): string | undefined {
  const names = (offered ?? '').split(',').map((name) => name.trim());
  return protocols.find((protocol) => names.includes(protocol));
}
