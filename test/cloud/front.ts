import { once } from 'node:events';
import { createServer, type IncomingMessage, request, STATUS_CODES } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import type { Invoked } from './functions.ts';

/** Where the deployed broker is for its clients. */
export type Front = { readonly url: string; readonly webSocketUrl: string; readonly close: () => Promise<void> };

const UNSUPPORTED_DATA = 1003;

/** Where the emulator has a broker's APIs, and how to ask the function of `$connect`. */
export type Behind = {
  readonly endpoint: string;
  readonly httpApi: string;
  readonly webSocketApi: string;
  readonly connect: (event: unknown) => Promise<Invoked>;
};

/**
 * Stands in front of the emulator and does what API Gateway does and it does not: it answers the subprotocol, refuses
 * binary frames, answers with the status that `$connect` refuses with, and has the API at the root of an address. See
 * docs/decisions/0020.
 */
export async function openFront({ endpoint, httpApi, webSocketApi, connect }: Behind): Promise<Front> {
  const { host } = new URL(endpoint);
  const server = createServer((incoming, outgoing) => {
    const path = `/_aws/execute-api/${httpApi}/%24default${incoming.url}`;
    const { method } = incoming;
    const onward = request(endpoint + path, { method, headers: incoming.headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: firstOf });
  server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    const { search, searchParams } = new URL(incoming.url ?? '/', 'ws://any');
    const headers = handshakeHeaders(incoming);
    const behind = new WebSocket(`ws://${host}/_aws/execute-api/${webSocketApi}/live${search}`, { headers });
    const giveUp = () => socket.destroy();
    behind.on('unexpected-response', async (_, { statusCode = 500 }) => {
      // To be ended before it was open is an error to it, but none here.
      behind
        .off('error', giveUp)
        .on('error', () => {})
        .terminate();
      const queryStringParameters = Object.fromEntries(searchParams);
      const refused = statusCode === 403 ? await statusOf(connect, { headers, queryStringParameters }) : undefined;
      const status = refused ?? statusCode;
      socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-length: 0\r\n\r\n`);
    });
    behind.on('error', giveUp);
    behind.once('open', () => sockets.handleUpgrade(incoming, socket, head, (before) => join(before, behind)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    webSocketUrl: `ws://127.0.0.1:${port}`,
    async close() {
      for (const socket of sockets.clients) socket.terminate();
      server.close();
      server.closeAllConnections();
    },
  };
}

/** The status that the function of `$connect` answers with: the emulator makes a 403 of each that is no success. */
async function statusOf(connect: Behind['connect'], upgrade: object): Promise<number | undefined> {
  const invoked = await connect({ ...upgrade, requestContext: { connectionId: 'of-the-front' } });
  return invoked.kind === 'answered' ? (invoked.answer as { statusCode?: number }).statusCode : undefined;
}

/** The broker's answer to `$connect` does not come through: the tests ask its function for that by itself. */
function firstOf(offered: ReadonlySet<string>): string | false {
  return [...offered][0] ?? false;
}

function handshakeHeaders({ headers }: IncomingMessage): Record<string, string> {
  const names = ['authorization', 'origin', 'cookie', 'sec-websocket-protocol'];
  return Object.fromEntries(names.flatMap((name) => (headers[name] ? [[name, String(headers[name])]] : [])));
}

function join(before: WebSocket, behind: WebSocket): void {
  before.on('message', (data, isBinary) => {
    if (isBinary) before.close(UNSUPPORTED_DATA, 'binary frames are not taken');
    else behind.send(data.toString());
  });
  behind.on('message', (data) => before.send(data.toString()));
  before.on('close', () => behind.terminate());
  behind.on('close', () => before.close());
}
