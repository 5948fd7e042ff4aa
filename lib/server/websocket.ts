import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Principal } from '../access/principal.ts';
import { pickProtocol } from '../handlers/connect.ts';
import type { Comer, Listener } from './listener.ts';

const GOING_AWAY = 1001;
const NORMAL = 1000;
const TOO_LARGE = 1009;
/** How long who is sent away has to read why. */
const FAREWELL_MS = 1000;
/** So much is held of what comes before a session is open, and again of what comes after it was refused. */
const FIRST_MESSAGE_BYTES = 64 * 1024;
/** What ws keeps of each fragment is more than a few octets. A message of the largest size may have 4 KiB in each. */
const FRAGMENTS_MAX = 1024;

/** Takes WebSocket upgrades. A message may hold several frames, and a frame may come in several messages. */
export function webSocketUpgrade(
  listener: Listener,
  maxPayload: number,
): (request: IncomingMessage, socket: Duplex, head: Buffer, principal: Principal | undefined) => void {
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload,
    maxFragments: FRAGMENTS_MAX,
    handleProtocols: (offered) => pickProtocol([...offered].join(',')) ?? false,
  });
  return (request, socket, head, principal) => {
    server.handleUpgrade(request, socket, head, (webSocket) =>
      take(listener, webSocket, socket, { door: 'websocket', from: request.socket.remoteAddress, principal }),
    );
  };
}

/** Refuses an upgrade with a status, e.g. `403 Forbidden`: nobody else listens to its socket any more. */
export function refuseUpgrade(socket: Duplex, status: string, headers: Readonly<Record<string, string>> = {}): void {
  socket.on('error', () => socket.destroy());
  socket.once('finish', () => socket.destroy());
  const lines = Object.entries({ ...headers, connection: 'close' }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status}\r\n${lines.join('')}\r\n`);
}

function take(listener: Listener, webSocket: WebSocket, socket: Duplex, comer: Comer): void {
  const connection = listener.accept(
    {
      // A text for those who read texts, octets where it is none.
      write: (octets, taken) => {
        if (webSocket.readyState !== webSocket.OPEN) return false;
        webSocket.send(octets, { binary: !isUtf8(octets) }, taken);
        return true;
      },
      bufferedBytes: () => webSocket.bufferedAmount,
      close: () => webSocket.close(listener.isStopping ? GOING_AWAY : NORMAL),
      destroy: () => webSocket.terminate(),
    },
    { pause: () => webSocket.pause(), resume: () => webSocket.resume() },
    comer,
  );
  webSocket.on('message', (data: Buffer) => connection.receive(data));
  let held = 0;
  let wasHeard = false;
  const count = (octets: Buffer) => {
    if (connection.isOpen) return void socket.off('data', count);
    if (connection.isHeard && !wasHeard) held = 0;
    wasHeard = connection.isHeard;
    held += octets.byteLength;
    if (held <= FIRST_MESSAGE_BYTES) return;
    socket.off('data', count);
    if (wasHeard) return webSocket.terminate();
    webSocket.close(TOO_LARGE, 'CONNECT comes first.');
    // The rest of the message stays where it is, and so does its client's answer to the close.
    webSocket.pause();
    setTimeout(() => webSocket.terminate(), FAREWELL_MS).unref();
  };
  socket.on('data', count);
  webSocket.on('close', () => connection.end());
  // A protocol error closes the socket, which is what matters.
  webSocket.on('error', () => webSocket.terminate());
}
