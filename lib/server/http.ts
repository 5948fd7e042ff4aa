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
  /** The same of bodies whose callers are not known yet; and how long such a one may take to come. */
  readonly unknownBytes?: number;
  readonly unknownMs?: number;
  /** Knows the requests that are not answered yet. */
  readonly underWay: Pick<Afterwards, 'defer'>;
};

/** A body that is not larger is read before it is known whose it is. */
const UNKNOWN_BYTES = 64 * 1024;
/** The bodies of all requests at a time have room for so many of the largest, and for so many octets. */
const LARGEST_AT_ONCE = 4;
const ROOM_BYTES = 128 * 1024 * 1024;
/** Those of unknown callers have less, and not for long: what they keep is kept from nobody else. */
const UNKNOWN_ROOM_BYTES = 16 * 1024 * 1024;
const UNKNOWN_MS = 10_000;

/** Serves REST and the `@connections` API. */
export function httpServer(parts: HttpParts): Server {
  const rooms = {
    known: new BodyRoom(parts.roomBytes ?? Math.max(ROOM_BYTES, LARGEST_AT_ONCE * parts.bodyBytes)),
    unknown: new BodyRoom(parts.unknownBytes ?? UNKNOWN_ROOM_BYTES),
  };
  const server = createServer((request, response) => {
    if (!server.listening) response.setHeader('connection', 'close');
    const share = rooms.known.share();
    const answering = async () => {
      try {
        await answer(parts, request, response, { share, unknown: rooms.unknown });
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
  { rest, connections, access, bodyBytes, unknownMs = UNKNOWN_MS }: HttpParts,
  request: IncomingMessage,
  response: ServerResponse,
  { share, unknown }: { readonly share: BodyShare; readonly unknown: BodyRoom },
): Promise<void> {
  const few = access && fewOctets(request);
  const small = unknown.share();
  // Who finds no room among the unknown says first who he is.
  const isUnknown = few !== undefined && small.take(few);
  const refused = access && !isUnknown ? await refusalOf(access, request) : undefined;
  if (refused) return await refuse(request, response, refused, access);
  const reading = readBody(request, bodyBytes, isUnknown ? undefined : share);
  const body = isUnknown ? await within(unknownMs, reading).finally(small.giveBack) : await reading;
  if (body === 'late') return breakOff(request, response, unknownMs);
  if (body instanceof BrokerError) return await refuse(request, response, body, access);
  if (isManagement(request)) return await answerManagement(request, response, body, connections);
  writeResult(response, await rest(eventOfRequest(request, body), callerOf(request, response)));
}

/** The length of a body that is read before it is known whose it is; undefined if it is not sure to be short. */
function fewOctets({ headers }: IncomingMessage): number | undefined {
  const length = Number(headers['content-length'] ?? 0);
  return headers['transfer-encoding'] === undefined && length <= UNKNOWN_BYTES ? length : undefined;
}

async function within<T>(ms: number, work: Promise<T>): Promise<T | 'late'> {
  const { promise: late, resolve } = Promise.withResolvers<'late'>();
  const timer = setTimeout(resolve, ms, 'late');
  return await Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** Nothing more is read of what did not come in time. */
function breakOff(request: IncomingMessage, response: ServerResponse, ms: number): void {
  const error = new BrokerError('INVALID_REQUEST', `The request's body did not come within ${ms / 1000} s.`);
  const { status, json } = errorResponse(error);
  const text = `${JSON.stringify(json)}\n`;
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
  response.end(text, () => request.socket.destroySoon());
}

async function refusalOf(access: Access, { headers }: IncomingMessage): Promise<BrokerError | undefined> {
  try {
    await access.authenticate(readAuthorization(headers.authorization));
    return undefined;
  } catch (error) {
    return asBrokerError(error);
  }
}

/**
 * @param share Undefined: there is room for it already
 * @returns why it is not read: BODY_TOO_LARGE, OVERLOADED
 */
async function readBody(
  request: IncomingMessage,
  most: number,
  share: BodyShare | undefined,
): Promise<Buffer | BrokerError> {
  const tooLarge = () => new BrokerError('BODY_TOO_LARGE', `The request's body has more than ${most} octets.`);
  if (Number(request.headers['content-length'] ?? 0) > most) return tooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > most) return tooLarge();
    if (share && !share.take(chunk.byteLength)) {
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
