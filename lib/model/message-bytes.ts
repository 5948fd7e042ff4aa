import { isUtf8 } from 'node:buffer';
import type { OutgoingMessage } from './message.ts';

/** A text that is shorter is not counted: a character has up to three octets of UTF-8. */
const COUNTED = 64;

/** At most what the message takes where it is kept, in octets, and hardly more. */
export function messageBytes({ body, headers }: OutgoingMessage): number {
  let bytes = body.byteLength;
  for (const name in headers) bytes += mostOctets(name) + mostOctets(headers[name] ?? '') + 6;
  return bytes;
}

function mostOctets(text: string): number {
  return text.length < COUNTED ? 3 * text.length : Buffer.byteLength(text);
}

/** What a reply says of a message besides body and headers: ids, a token and a queue's name, each of a bounded length. */
const ABOUT_BYTES = 1536;
/** `\"name\":\"value\",` without name and value. */
const HEADER_BYTES = 10;
/** What a character of ASCII takes in a JSON text that stands as a string in another one: `\\u0001`, `\\n`, `\\\"`. */
const escaped = Uint8Array.from({ length: 256 }, (_, code) => JSON.stringify(JSON.stringify(asciiOf(code))).length - 6);

function asciiOf(code: number): string {
  return code < 0x80 ? String.fromCharCode(code) : 'x';
}

/**
 * At most what the message takes of a REST reply, in octets: JSON, which a Lambda function hands on as a string in JSON.
 * A control character takes seven there. @see AWS Lambda: payload format 2.0 of HTTP APIs; quotas, synchronous response
 */
export function replyBytes({ body, headers }: OutgoingMessage): number {
  let bytes = ABOUT_BYTES + bodyBytes(body);
  for (const name in headers) bytes += HEADER_BYTES + textBytes(name) + textBytes(headers[name] ?? '');
  return bytes;
}

function bodyBytes(body: Uint8Array): number {
  if (!isUtf8(body)) return 4 * Math.ceil(body.byteLength / 3);
  let bytes = 0;
  for (let i = 0; i < body.length; i++) bytes += escaped[body[i] as number] as number;
  return bytes;
}

function textBytes(text: string): number {
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    bytes += code < 0x80 ? (escaped[code] as number) : 3;
  }
  return bytes;
}
