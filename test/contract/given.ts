import { randomBytes } from 'node:crypto';
import type { Append, Blob, Commit, Due, Head, Lease, Store } from '../../lib/store/port.ts';

/** The store under test, once it is open. */
export type Given = () => Store;

export const MINUTE = 29_000_000;
export const FAR_SECONDS = 4_000_000_000;

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function texts(values: readonly Uint8Array[]): string[] {
  return values.map((value) => new TextDecoder().decode(value));
}

export function fresh(name: string): string {
  return `${name}-${randomBytes(8).toString('hex')}`;
}

export function lease(nonce: string, until = 1_700_000_000_000): Lease {
  return { nonce, until };
}

export function blob(key: string, content: string | Uint8Array = key): Blob {
  return { key, bytes: typeof content === 'string' ? bytes(content) : content, expiresAt: FAR_SECONDS };
}

export function appending(entries: readonly string[], overrides: Partial<Append> = {}): Append {
  return {
    blobs: [],
    entries: entries.map(bytes),
    ring: undefined,
    room: 64,
    minute: MINUTE,
    mustExist: false,
    ...overrides,
  };
}

export function committing(nonce: string, overrides: Partial<Commit> = {}): Commit {
  return {
    nonce,
    state: bytes('state'),
    absorbed: 0,
    lease: undefined,
    rings: 1,
    blobs: [],
    wake: undefined,
    discard: [],
    ...overrides,
  };
}

/** Rung once, with nothing left to do. */
export async function idleShard(store: Store): Promise<string> {
  const shard = fresh('q');
  await store.append(shard, appending(['a'], { ring: lease('n') }));
  await store.commit(shard, committing('n', { absorbed: 1 }));
  return shard;
}

export async function headOf(store: Store, shard: string): Promise<Head> {
  const head = await store.readHead(shard);
  if (!head) throw new Error(`The shard ${shard} has no head.`);
  return head;
}

export async function inboxOf(store: Store, shard: string): Promise<string[]> {
  return texts((await headOf(store, shard)).inbox);
}

export async function dueOf(store: Store, shard: string, minute: number): Promise<readonly Due[]> {
  return (await store.due(minute, 10_000)).filter((due) => due.shard === shard);
}

export async function recordOf(store: Store, key: { family: string; name: string }): Promise<string | undefined> {
  const value = await store.getRecord(key);
  return value && texts([value])[0];
}
