import { BrokerError } from '../../model/errors.ts';
import type { Due } from '../port.ts';
import { KEY_BYTES } from './database.ts';

/**
 * The key of what belongs to an owner: a blob of a shard, a record of a family. A NUL parts the two, which no name holds.
 * @throws BrokerError LIMIT_EXCEEDED if that is too long for a key.
 */
export function ownedKey(owner: string, name: string): string {
  const key = `${owner}\0${name}`;
  if (key.length * 3 > KEY_BYTES && Buffer.byteLength(key) > KEY_BYTES) {
    throw new BrokerError('LIMIT_EXCEEDED', `A stored name is longer than ${KEY_BYTES} octets.`);
  }
  return key;
}

/** The name within a key that `ownedKey` made. */
export function nameOf(key: Buffer): string {
  return key.toString('utf8', key.indexOf(0) + 1);
}

const MINUTE_DIGITS = 10;
const letters = { ring: 'r', wake: 'w' } as const;

/** Sorts by minute, so that what is due is a range from the beginning. */
export function dueKey(due: Due): string {
  return `${minutePrefix(due.minute)}${letters[due.kind]}${due.shard}`;
}

/** Lies after every key of `minute`. */
export function dueEnd(minute: number): Buffer {
  return Buffer.from(minutePrefix(minute + 1));
}

export function parseDueKey(key: Buffer): Due {
  const text = key.toString('utf8');
  return {
    shard: text.slice(MINUTE_DIGITS + 1),
    minute: Number(text.slice(0, MINUTE_DIGITS)),
    kind: text[MINUTE_DIGITS] === letters.ring ? 'ring' : 'wake',
  };
}

function minutePrefix(minute: number): string {
  return String(minute).padStart(MINUTE_DIGITS, '0');
}
