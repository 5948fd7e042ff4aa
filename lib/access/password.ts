import { type BinaryLike, randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify<BinaryLike, BinaryLike, number, ScryptOptions, Buffer>(scrypt);

/** How hard a hash is: N = 2^ln, r and p. @see RFC 7914; OWASP Password Storage Cheat Sheet */
type Cost = { readonly ln: number; readonly r: number; readonly p: number };

const cost: Cost = { ln: 15, r: 8, p: 3 };
const SALT_BYTES = 16;
const KEY_BYTES = 32;
const layout = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([\w-]{22})\$([\w-]{43})$/;

/** Hashing: each takes a core and 32 MiB, and a thread that the store needs as well. */
export const hashing = {
  atOnce: 2,
  waitingMax: 100,
  refusal: 'More logins are waiting than the broker takes.',
} as const;

/** What nobody's password has: a login of an unknown user is held against it, and takes as long as any other. */
export const nobodysHash = textOf(cost, Buffer.alloc(SALT_BYTES), Buffer.alloc(KEY_BYTES));

/** A salted hash, with all that is needed to hold a password against it: `$scrypt$ln=15,r=8,p=3$salt$key`. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  return textOf(cost, salt, await keyOf(password, salt, cost));
}

/** Whether it is the password. Takes the same time whether it is or not. */
export async function isPassword(password: string, hash: string): Promise<boolean> {
  const [, ln, r, p, salt = '', key = ''] = layout.exec(hash) ?? [];
  const own = { ln: Number(ln), r: Number(r), p: Number(p) };
  const found = await keyOf(password, Buffer.from(salt, 'base64url'), ln === undefined ? cost : own);
  const wanted = Buffer.from(key, 'base64url');
  return wanted.length === found.length && timingSafeEqual(wanted, found);
}

function keyOf(password: string, salt: Buffer, { ln, r, p }: Cost): Promise<Buffer> {
  const N = 2 ** ln;
  return derive(password.normalize('NFC'), salt, KEY_BYTES, { N, r, p, maxmem: 256 * N * r });
}

function textOf({ ln, r, p }: Cost, salt: Buffer, key: Buffer): string {
  return `$scrypt$ln=${ln},r=${r},p=${p}$${salt.toString('base64url')}$${key.toString('base64url')}`;
}
