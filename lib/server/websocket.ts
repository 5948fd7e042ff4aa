import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Access } from '../access/access.ts';
import { type AuthorizeEvent, type AuthorizerContext, identify } from '../handlers/authorize.ts';
import { pickProtocol } from '../handlers/connect.ts';
import { BrokerError } from '../model/errors.ts';
import type { Listener } from './listener.ts';

const GOING_AWAY = 1001;
const NORMAL = 1000;

/** Takes WebSocket upgrades, those with wrong credentials excepted. A message may hold several frames, and a frame may come in several messages. */
export function webSocketUpgrade(
  listener: Listener,
  maxPayload: number,
  access: Access | undefined,
): (request: IncomingMessage, socket: Duplex, head: Buffer) => void {
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload,
    handleProtocols: (offered) => pickProtocol([...offered].join(',')) ?? false,
  });
  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer, authorizer?: AuthorizerContext) => {
    server.handleUpgrade(request, socket, head, (webSocket) => take(listener, webSocket, authorizer));
  };
  return (request, socket, head) => {
    if (!access) {
      upgrade(request, socket, head);
      return;
    }
    const giveUp = () => socket.destroy();
    socket.on('error', giveUp);
    identify(access, requestOf(request), true).then(
      (authorizer) => {
        socket.off('error', giveUp);
        upgrade(request, socket, head, authorizer);
      },
      (error: unknown) => refuseUpgrade(socket, statusOf(error)),
    );
  };
}

/** What the gateway's authorizer would see of it. */
function requestOf({ headers, url = '/' }: IncomingMessage): AuthorizeEvent {
  const [, query] = url.split('?', 2);
  return {
    headers: { authorization: headers.authorization },
    queryStringParameters: Object.fromEntries(new URLSearchParams(query)),
  };
}

function statusOf(error: unknown): string {
  const isWrong = error instanceof BrokerError && error.code === 'UNAUTHENTICATED';
  return isWrong ? '401 Unauthorized' : '503 Service Unavailable';
}

/** Refuses an upgrade: nobody else listens to its socket any more. */
export function refuseUpgrade(socket: Duplex, status: string): void {
  socket.on('error', () => socket.destroy());
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\n\r\n`);
}

function take(listener: Listener, webSocket: WebSocket, authorizer?: AuthorizerContext): void {
  const connection = listener.accept(
    {
      // A text for those who read texts, octets where it is none.
      send: (octets) => {
        if (webSocket.readyState !== webSocket.OPEN) return false;
        webSocket.send(octets, { binary: !isUtf8(octets) });
        return true;
      },
      bufferedBytes: () => webSocket.bufferedAmount,
      close: () => webSocket.close(listener.isStopping ? GOING_AWAY : NORMAL),
      destroy: () => webSocket.terminate(),
    },
    { pause: () => webSocket.pause(), resume: () => webSocket.resume() },
    authorizer,
  );
  webSocket.on('message', (data: Buffer) => connection.receive(data));
  webSocket.on('close', () => connection.end());
  // A protocol error closes the socket, which is what matters.
  webSocket.on('error', () => webSocket.terminate());
}
