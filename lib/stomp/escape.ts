import { BrokerError } from '../model/errors.ts';
import type { StompVersion } from './frame.ts';

const escapes: Readonly<Record<string, string>> = { '\r': '\\r', '\n': '\\n', ':': '\\c', '\\': '\\\\' };
const meanings: Readonly<Record<string, string>> = { r: '\r', n: '\n', c: ':', '\\': '\\' };

/**
 * Escapes a header's name or value for 1.1 or 1.2. What the version has no escape for (NUL; in 1.1 also a carriage
 * return) becomes a space, since it would cut the header or the frame in two.
 * @see STOMP 1.2, "Value Encoding"; STOMP 1.1, "Value Encoding"
 */
export function escapeHeader(text: string, version: '1.1' | '1.2'): string {
  return text.replace(/[\r\n:\\\0]/g, (char) => {
    if (char === '\0' || (char === '\r' && version === '1.1')) return ' ';
    return escapes[char] ?? char;
  });
}

/**
 * Undoes the escapes of 1.1 or 1.2 in a header's name or value.
 * @throws BrokerError INVALID_HEADER, naming a sequence that the version does not define.
 */
export function unescapeHeader(text: string, version: StompVersion): string {
  return text.replace(/\\(.?)/gsu, (sequence, char: string) => {
    const meaning = char === 'r' && version === '1.1' ? undefined : meanings[char];
    if (meaning !== undefined) return meaning;
    const defined = version === '1.1' ? '\\n, \\c and \\\\' : '\\r, \\n, \\c and \\\\';
    throw new BrokerError(
      'INVALID_HEADER',
      `The escape ${char === '' ? '"\\" at the end of a header' : `"${sequence}"`} is not defined: STOMP ${version} has ${defined}.`,
    );
  });
}
