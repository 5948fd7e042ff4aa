import { isUtf8 } from 'node:buffer';
import type { HonoRequest } from 'hono';
import { BrokerError } from '../model/errors.ts';
import type { Limits } from '../model/limits.ts';

/** Room for a batch of bodies, a third longer in base64, or with what JSON escapes. */
const BATCHES = 4;

/** The largest body of a request, in octets. */
function requestBytesOf(limits: Limits): number {
  return BATCHES * limits.batchBytes;
}

/** The media type without its parameters, in lower case; empty if none is named. */
export function mediaTypeOf(request: HonoRequest): string {
  return (request.header('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** @throws BrokerError BODY_TOO_LARGE beyond `most` octets, without reading on */
export async function readBytes(request: HonoRequest, most: number): Promise<Buffer> {
  const announced = request.header('content-length');
  if (announced !== undefined) {
    if (Number(announced) > most) throw tooLarge(most);
    const bytes = Buffer.from(await request.arrayBuffer());
    if (bytes.byteLength > most) throw tooLarge(most);
    return bytes;
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.raw.body ?? []) {
    size += chunk.byteLength;
    if (size > most) throw tooLarge(most);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(most: number): BrokerError {
  const message = `The request's body is larger than the ${most} octets allowed.`;
  return new BrokerError('BODY_TOO_LARGE', message, { details: { requestBytesMax: most } });
}

/**
 * The JSON of the request's body; undefined if there is no body.
 * @throws BrokerError UNSUPPORTED_MEDIA_TYPE if it is not sent as JSON; INVALID_REQUEST if it is none; BODY_TOO_LARGE
 */
export async function readJson(request: HonoRequest, limits: Limits): Promise<unknown> {
  const bytes = await readBytes(request, requestBytesOf(limits));
  if (bytes.byteLength === 0) return undefined;
  const type = mediaTypeOf(request);
  if (type !== 'application/json') throw unsupportedType(type, 'application/json');
  if (!isUtf8(bytes)) throw new BrokerError('INVALID_REQUEST', "The request's body is not valid UTF-8.");
  return parseJson(bytes.toString('utf8'));
}

export function unsupportedType(type: string, allowed: string): BrokerError {
  const found = type === '' ? 'has no content type' : `is "${type.slice(0, 64)}"`;
  return new BrokerError('UNSUPPORTED_MEDIA_TYPE', `The request's body ${found}; here it may be ${allowed}.`);
}

function parseJson(text: string): unknown {
  try {
    // A key of this name would be taken for the object's prototype, and be lost on the way. Escapes may hide it.
    return text.includes('"__proto__"') || text.includes('\\u') ? JSON.parse(text, refusePrototype) : JSON.parse(text);
  } catch (cause) {
    if (cause instanceof BrokerError) throw cause;
    const why = cause instanceof Error ? cause.message.replaceAll(/\s+/g, ' ').slice(0, 160) : '';
    throw new BrokerError('INVALID_REQUEST', `The request's body is not valid JSON: ${why}.`, { cause });
  }
}

function refusePrototype(key: string, value: unknown): unknown {
  if (key === '__proto__') throw new BrokerError('INVALID_REQUEST', 'No field and no header may be named "__proto__".');
  return value;
}
