import type { Headers } from '../model/message.ts';
import { escapeHeader } from './escape.ts';
import { hasEscapes, type StompVersion } from './frame.ts';

const special = /[\r\n:\\\0]/;

/**
 * Writes a frame, ended by its NUL alone. It adds no header: a body that holds a NUL needs a `content-length` from the
 * caller. Names and values are escaped as the version and the command have it; what cannot be expressed (line ends
 * and NUL in 1.0 and in CONNECT and CONNECTED, a carriage return in 1.1, NUL anywhere, a colon in a name where there
 * are no escapes) becomes a space.
 * @see STOMP 1.2, "STOMP Frames", "Value Encoding" and "Body"
 */
export function encodeFrame(command: string, headers: Headers, body: Uint8Array, version: StompVersion): Buffer {
  const escapes = version !== '1.0' && hasEscapes(command, version) ? version : undefined;
  let head = `${command}\n`;
  for (const name of Object.keys(headers)) {
    const value = headers[name] ?? '';
    head += special.test(name) ? writeName(name, escapes) : name;
    head += special.test(value) ? `:${writeValue(value, escapes)}\n` : `:${value}\n`;
  }
  head += '\n';
  const headBytes = Buffer.byteLength(head);
  const frame = Buffer.allocUnsafe(headBytes + body.length + 1);
  frame.write(head);
  frame.set(body, headBytes);
  frame[frame.length - 1] = 0;
  return frame;
}

function writeName(name: string, escapes: '1.1' | '1.2' | undefined): string {
  return escapes ? escapeHeader(name, escapes) : writeValue(name, escapes).replaceAll(':', ' ');
}

function writeValue(value: string, escapes: '1.1' | '1.2' | undefined): string {
  return escapes ? escapeHeader(value, escapes) : value.replace(/[\r\n\0]/g, ' ');
}
