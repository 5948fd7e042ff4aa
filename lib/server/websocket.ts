import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { AuthorizerContext } from '../handlers/authorize.ts';
import { pickProtocol } from '../handlers/connect.ts';
import type { Listener } from './listener.ts';

const GOING_AWAY = 1001;
const NORMAL = 1000;

/** Takes WebSocket upgrades. A message may hold several frames, and a frame may come in several messages. */
export function webSocketUpgrade(
  listener: Listener,
  maxPayload: number,
): (request: IncomingMessage, socket: Duplex, head: Buffer, authorizer: AuthorizerContext) => void {
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload,
    handleProtocols: (offered) => pickProtocol([...offered].join(',')) ?? false,
  });
  return (request, socket, head, authorizer) => {
    server.handleUpgrade(request, socket, head, (webSocket) => take(listener, webSocket, authorizer));
  };
}

/** Refuses an upgrade with a status, e.g. `403 Forbidden`: nobody else listens to its socket any more. */
export function refuseUpgrade(socket: Duplex, status: string): void {
  socket.on('error', () => socket.destroy());
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\n\r\n`);
}

function take(listener: Listener, webSocket: WebSocket, authorizer: AuthorizerContext): void {
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
