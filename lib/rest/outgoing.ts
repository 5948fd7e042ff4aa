import { checkSize } from '../broker/inbox/message-size.ts';
import type { Destination } from '../model/destination.ts';
import { BrokerError } from '../model/errors.ts';
import type { Limits } from '../model/limits.ts';
import type { OutgoingMessage } from '../model/message.ts';
import { isBrokersOwn } from '../model/own-headers.ts';
import { refuseUnsupported } from '../model/unsupported-headers.ts';
import type { SentMessage } from './message-schema.ts';
import { fieldOfHeader, standardFields, standardHeaders } from './standard-headers.ts';

const SHOWN = 64;

/**
 * The message that the broker is to send.
 * @param kind of the destination that it goes to
 * @param now milliseconds since the epoch, from which a time to live counts
 * @throws BrokerError INVALID_HEADER, INVALID_REQUEST, NOT_SUPPORTED, BODY_TOO_LARGE or LIMIT_EXCEEDED
 */
export function outgoingOf(
  message: SentMessage,
  kind: Destination['kind'],
  limits: Limits,
  now: number,
): OutgoingMessage {
  const headers = headersOf(message, now);
  checkHeaders(headers, limits);
  refuseUnsupported('SEND', kind, headers);
  const isText = message.contentEncoding === undefined;
  const body = isText ? Buffer.from(message.body) : decodeBase64(message.body);
  const outgoing = { body, text: isText, headers };
  checkSize(outgoing, limits);
  return outgoing;
}

function headersOf(message: SentMessage, now: number): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const field of standardFields) {
    const value = message[field];
    if (value !== undefined) headers[standardHeaders[field]] = String(value);
  }
  if (message.timeToLiveMs !== undefined) {
    if (message.expires !== undefined) {
      throw new BrokerError('INVALID_REQUEST', 'A message has expires or timeToLiveMs, not both.');
    }
    headers.expires = String(message.timeToLiveMs === 0 ? 0 : now + message.timeToLiveMs);
  }
  for (const [name, value] of Object.entries(message.headers ?? {})) {
    checkName(name);
    headers[name] = value;
  }
  return headers;
}

function checkName(name: string): void {
  if (name === '') throw new BrokerError('INVALID_HEADER', 'A custom header has an empty name.');
  if (!name.isWellFormed()) {
    throw new BrokerError('INVALID_HEADER', "A custom header's name holds half of a surrogate pair, which is no text.");
  }
  if (isBrokersOwn(name)) {
    const shown = JSON.stringify(name.slice(0, SHOWN));
    throw new BrokerError('INVALID_HEADER', `A custom header may not be named ${shown}: the broker's own is.`);
  }
  const field = fieldOfHeader.get(name);
  if (field) {
    const message = `A custom header may not be named "${name}": the message has the field "${field}" for it.`;
    throw new BrokerError('INVALID_HEADER', message);
  }
}

function checkHeaders(headers: Readonly<Record<string, string>>, { headerBytes, headerCount }: Limits): void {
  const entries = Object.entries(headers);
  if (entries.length > headerCount) {
    throw new BrokerError('LIMIT_EXCEEDED', `A message has ${entries.length} headers; ${headerCount} are allowed.`);
  }
  for (const [name, value] of entries) {
    // No version of STOMP can carry it.
    if (name.includes('\0') || value.includes('\0')) {
      throw new BrokerError('INVALID_HEADER', `The header ${JSON.stringify(name.slice(0, 64))} holds a NUL.`);
    }
    if (Buffer.byteLength(name) + Buffer.byteLength(value) + 1 > headerBytes) {
      const message = `The header "${name.slice(0, 64)}" is longer than the ${headerBytes} octets allowed.`;
      throw new BrokerError('LIMIT_EXCEEDED', message);
    }
  }
}

function decodeBase64(text: string): Buffer {
  const octets = Buffer.from(text, 'base64');
  if (octets.toString('base64') === text) return octets;
  throw new BrokerError('INVALID_REQUEST', 'The body is not valid base64: letters, digits, + and /, padded with =.');
}
