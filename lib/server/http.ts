import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Access } from '../access/access.ts';
import { readAuthorization } from '../access/credentials.ts';
import type { Afterwards } from '../handlers/afterwards.ts';
import { asBrokerError, BrokerError } from '../model/errors.ts';
import { errorResponse } from '../rest/failures.ts';
import { hintsOf } from '../rest/gate.ts';
import { BodyRoom, type BodyShare } from './body-room.ts';
import { callerOf } from './caller.ts';
import { eventOfRequest, writeResult } from './http-event.ts';
import type { Invocables } from './invocations.ts';
import { answerManagement, isManagement, type ManagedConnections } from './management.ts';

type HttpParts = {
  readonly rest: Invocables['rest'];
  /** Those that are managed; undefined if none are. */
  readonly connections: ManagedConnections | undefined;
  /** Whose larger bodies are read; undefined: everybody's. */
  readonly access: Access | undefined;
  /** The largest request body. */
  readonly bodyBytes: number;
  /** For how many octets of bodies there is room at a time. */
  readonly roomBytes?: number;
  /** Knows the requests that are not answered yet. */
  readonly underWay: Pick<Afterwards, 'defer'>;
};

/** A body that is not larger is read before it is known whose it is. */
const UNKNOWN_BYTES = 64 * 1024;
/** The bodies of all requests at a time have room for so many of the largest, and for so many octets. */
const LARGEST_AT_ONCE = 4;
const ROOM_BYTES = 128 * 1024 * 1024;

/** Serves REST and the `@connections` API. */
export function httpServer(parts: HttpParts): Server {
  const room = new BodyRoom(parts.roomBytes ?? Math.max(ROOM_BYTES, LARGEST_AT_ONCE * parts.bodyBytes));
  const server = createServer((request, response) => {
    if (!server.listening) response.setHeader('connection', 'close');
    const share = room.share();
    const answering = async () => {
      try {
        await answer(parts, request, response, share);
      } catch {
        response.destroy();
      } finally {
        share.giveBack();
      }
    };
    parts.underWay.defer(answering);
  });
  return server;
}

async function answer(
  { rest, connections, access, bodyBytes }: HttpParts,
  request: IncomingMessage,
  response: ServerResponse,
  share: BodyShare,
): Promise<void> {
  const refused = access && mayBeLarge(request) ? await refusalOf(access, request) : undefined;
  if (refused) return await refuse(request, response, refused, access);
  const body = await readBody(request, bodyBytes, share);
  if (body instanceof BrokerError) return await refuse(request, response, body, access);
  if (isManagement(request)) return await answerManagement(request, response, body, connections);
  writeResult(response, await rest(eventOfRequest(request, body), callerOf(request, response)));
}

function mayBeLarge({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > UNKNOWN_BYTES;
}

async function refusalOf(access: Access, { headers }: IncomingMessage): Promise<BrokerError | undefined> {
  try {
    await access.authenticate(readAuthorization(headers.authorization));
    return undefined;
  } catch (error) {
    return asBrokerError(error);
  }
}

/** @returns why it is not read: BODY_TOO_LARGE, OVERLOADED */
async function readBody(request: IncomingMessage, most: number, share: BodyShare): Promise<Buffer | BrokerError> {
  const tooLarge = () => new BrokerError('BODY_TOO_LARGE', `The request's body has more than ${most} octets.`);
  if (Number(request.headers['content-length'] ?? 0) > most) return tooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > most) return tooLarge();
    if (!share.take(chunk.byteLength)) {
      return new BrokerError('OVERLOADED', 'The bodies of other requests leave no room for this one; try again later.');
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** How much of a body that is too large is read and dropped, and for how long. */
const DROPPED_BYTES_MAX = 128 * 1024 * 1024;
const DROPPING_MS_MAX = 10_000;

/** Answers at once, and closes only after the rest was read: a client whose write fails does not read its answer. */
async function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  error: BrokerError,
  access: Access | undefined,
): Promise<void> {
  const { status, json } = errorResponse(error);
  const text = Buffer.from(`${JSON.stringify(json)}\n`);
  const headers = { 'content-type': 'application/json', 'content-length': text.byteLength, connection: 'close' };
  response.writeHead(status, { ...headers, ...hintsOf(error, access) }).write(text);
  await dropRest(request);
  response.end();
}

async function dropRest(request: IncomingMessage): Promise<void> {
  const { promise: done, resolve } = Promise.withResolvers<void>();
  let left = DROPPED_BYTES_MAX;
  const timer = setTimeout(resolve, DROPPING_MS_MAX);
  request.on('data', (chunk: Buffer) => {
    left -= chunk.byteLength;
    if (left < 0) resolve();
  });
  for (const event of ['end', 'error', 'close']) request.once(event, () => resolve());
  await done;
  clearTimeout(timer);
}
