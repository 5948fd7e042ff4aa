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

/**
 * The owner of a shard's bodies. Each time its head is removed and made anew, the shard has bodies of another
 * generation, which have an owner of their own: those of an earlier one may still lie there. Two NULs part the
 * generation from the name, and no body's key begins with one.
 */
export function bodiesOwner(shard: string, generation: number): string {
  return generation === 0 ? shard : `${shard}\0\0${generation}`;
}

/** The opposite of `bodiesOwner`. */
export function parseBodiesOwner(owner: string): { readonly shard: string; readonly generation: number } {
  const [shard = '', generation = '0'] = owner.split('\0\0');
  return { shard, generation: Number(generation) };
}

/** The owner within a key of a body that `ownedKey` made. */
export function ownerOf(key: Buffer): string {
  const text = key.toString('utf8');
  return text.slice(0, text.lastIndexOf('\0'));
}

/** From the first to behind the last key of an owner. */
export function ownedRange(owner: string): { readonly start: Buffer; readonly end: Buffer } {
  return { start: Buffer.from(`${owner}\0\x01`), end: Buffer.from(`${owner}\x01`) };
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
