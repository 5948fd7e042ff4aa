import { BrokerError } from './errors.ts';

/**
 * Which destinations are meant: `/queue/orders.*`, `/topic/prices.>`, or `>` for all. Parts end at a dot or a slash;
 * `*` stands for one part, `>` at the end for one part and all that follow it.
 */
export type Pattern = { readonly text: string; readonly matches: (destination: string) => boolean };

/** Destinations of every kind. */
export const EVERYTHING = '>';

const part = '[^./]+';
const literal = /^[\p{L}\p{M}\p{N}_~!@$()+=;-]+$/u;

/**
 * Reads a pattern, which is held against destinations as `formatDestination` writes them.
 * @throws BrokerError INVALID_DESTINATION, naming what is wrong and what is allowed
 * @see ActiveMQ: wildcards
 */
export function parsePattern(text: string): Pattern {
  if (text !== text.normalize('NFC')) throw invalidPattern(text, 'it is not in the Unicode normalisation form NFC');
  const pieces = text.split(/([./])/);
  const source = pieces.map((piece, at) => {
    if (piece === '.' || piece === '/') return `\\${piece}`;
    if (piece === '*') return part;
    if (piece === '>' && at === pieces.length - 1) return '.+';
    if (literal.test(piece)) return piece.replaceAll(/[$()+]/g, '\\$&');
    if (piece === '' && at === 0 && pieces.length > 1) return '';
    throw invalidPattern(
      text,
      'its parts, between dots or slashes, are names, * for any one part, or > at the end for all the rest',
    );
  });
  if (!text.startsWith('/') && text !== EVERYTHING) {
    throw invalidPattern(text, `it begins with /queue/ or /topic/, or is "${EVERYTHING}"`);
  }
  const whole = new RegExp(`^${source.join('')}$`, 'u');
  return { text, matches: (destination) => whole.test(destination) };
}

function invalidPattern(text: string, why: string): BrokerError {
  return new BrokerError('INVALID_DESTINATION', `The pattern "${text.slice(0, 64)}" is not valid: ${why}.`, {
    details: { pattern: text },
  });
}
