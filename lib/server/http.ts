import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Afterwards } from '../handlers/afterwards.ts';
import { BrokerError } from '../model/errors.ts';
import { errorResponse } from '../rest/failures.ts';
import type { Functions } from './functions.ts';
import { eventOfRequest, writeResult } from './http-event.ts';
import { answerManagement, type Connections, isManagement } from './management.ts';

/**
 * Serves REST and the `@connections` API.
 * @param connections those that are managed; undefined if none are
 * @param bodyBytes the largest request body
 * @param underWay knows the requests that are not answered yet
 */
export function httpServer(
  rest: Functions['rest'],
  connections: Connections | undefined,
  bodyBytes: number,
  underWay: Pick<Afterwards, 'defer'>,
): Server {
  const server = createServer((request, response) => {
    if (!server.listening) response.setHeader('connection', 'close');
    underWay.defer(() => answer(request, response, rest, connections, bodyBytes).catch(() => void response.destroy()));
  });
  return server;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  rest: Functions['rest'],
  connections: Connections | undefined,
  bodyBytes: number,
): Promise<void> {
  const body = await readBody(request, bodyBytes);
  if (body === undefined) {
    const message = `The request's body has more than ${bodyBytes} octets.`;
    const { status, json } = errorResponse(new BrokerError('BODY_TOO_LARGE', message));
    response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
    response.end(JSON.stringify(json));
    return;
  }
  if (isManagement(request)) return await answerManagement(request, response, body, connections);
  writeResult(response, await rest(eventOfRequest(request, body)));
}

async function readBody(request: IncomingMessage, most: number): Promise<Buffer | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > most) return undefined;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > most) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
