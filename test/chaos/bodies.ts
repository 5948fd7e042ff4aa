import { createHash } from 'node:crypto';
import { bodyOf, indexOf } from '../texts.ts';

const SIZES = [64, 300, 1024, 9000] as const;

/** The body of a message, of one of a few sizes. */
export function numberedBody(number: number): string {
  return bodyOf(number, SIZES[number % SIZES.length]);
}

export function numberIn(body: string): number {
  return indexOf(body);
}

/** Tells one body from another: processes may have read different texts. */
export function digestOf(body: string): string {
  return createHash('sha256').update(body).digest('base64url').slice(0, 12);
}
