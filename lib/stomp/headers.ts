import { BrokerError } from '../model/errors.ts';
import type { Headers } from '../model/message.ts';
import { unescapeHeader } from './escape.ts';
import { hasEscapes, type StompVersion } from './frame.ts';

const CARRIAGE_RETURN = 13;

/**
 * Reads the lines between the command and the empty line, each with its end. A carriage return before the line feed
 * belongs to the line's end in every version, as other brokers have it; spaces count, except in 1.0.
 * @throws BrokerError INVALID_FRAME for a line that is no header, INVALID_HEADER for an empty name or a wrong escape.
 * @see STOMP 1.2, "Standard Headers" and "Value Encoding"; STOMP 1.1, "Value Encoding" (no trimming)
 */
export function parseHeaders(lines: string, command: string, version: StompVersion): Headers {
  const headers: Record<string, string> = Object.create(null);
  const escaped = hasEscapes(command, version) && lines.includes('\\');
  for (let at = 0; at < lines.length; ) {
    const eol = lines.indexOf('\n', at);
    const end = lines.charCodeAt(eol - 1) === CARRIAGE_RETURN ? eol - 1 : eol;
    const colon = lines.indexOf(':', at);
    if (colon === -1 || colon > end) throw noColon(lines.slice(at, end));
    let name = lines.slice(at, colon);
    let value = lines.slice(colon + 1, end);
    if (version === '1.0') {
      name = trimSpaces(name);
      value = trimSpaces(value);
    }
    if (escaped) {
      name = unescapeHeader(name, version);
      value = unescapeHeader(value, version);
    }
    if (name === '') throw noName(lines.slice(at, end));
    headers[name] ??= value;
    at = eol + 1;
  }
  return headers;
}

/** Spaces alone, as 1.0 has it; a pattern for those at the end would take quadratic time. */
function trimSpaces(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && text[from] === ' ') from += 1;
  while (to > from && text[to - 1] === ' ') to -= 1;
  return text.slice(from, to);
}

function noColon(line: string): BrokerError {
  return new BrokerError('INVALID_FRAME', `The header line ${quote(line)} has no colon: a header is "name:value".`);
}

function noName(line: string): BrokerError {
  return new BrokerError('INVALID_HEADER', `The header line ${quote(line)} has no name before its colon.`);
}

/**
 * The `receipt` among header lines that may be faulty, so that the ERROR frame can name it; undefined if there is none.
 * @see STOMP 1.2, "ERROR"
 */
export function findReceipt(lines: string, command: string, version: StompVersion): string | undefined {
  const line = lines.split('\n').find((text) => text.startsWith('receipt:'));
  if (line === undefined) return undefined;
  try {
    return parseHeaders(`${line}\n`, command, version).receipt;
  } catch {
    return undefined; // The receipt itself is what is faulty.
  }
}

/**
 * The octets that `content-length` announces; undefined if there is no such header. At least 0, perhaps Infinity.
 * @throws BrokerError INVALID_HEADER if it is not a whole number.
 */
export function contentLengthOf(headers: Headers): number | undefined {
  const text = headers['content-length'];
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  throw new BrokerError(
    'INVALID_HEADER',
    `The content-length ${quote(text)} is not valid: it is the body's octets, a whole number of at least 0.`,
  );
}

/** The start of a text that may be anything, fit to be shown in a message. */
export function quote(text: string): string {
  return `${JSON.stringify(text.slice(0, 64))}${text.length > 64 ? '…' : ''}`;
}
