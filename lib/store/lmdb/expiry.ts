import type { Table, Tables } from './database.ts';
import type { GroupCommit } from './group-commit.ts';
import { expiryOf } from './stamped.ts';

const STEP_KEYS = 50;
const STEP_MS = 50;
const PASS_MS = 6 * 60 * 60 * 1000;
const SECOND_MS = 1000;

/**
 * Drops what has expired and was never discarded, which is little: orphans, and records nobody deleted. It goes through
 * the values a few at a time and then rests, so that no write pays for an index.
 */
export class Expiry {
  readonly #tables: Tables;
  readonly #writes: GroupCommit;
  #timer: NodeJS.Timeout | undefined;

  constructor(tables: Tables, writes: GroupCommit) {
    this.#tables = tables;
    this.#writes = writes;
  }

  start(): void {
    this.#step('blobs', Buffer.alloc(1));
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #step(table: Table, start: Buffer): void {
    const keys = [...this.#tables[table].getKeys({ start, limit: STEP_KEYS })];
    const nowSeconds = Date.now() / SECOND_MS;
    for (const key of keys) this.#dropExpired(table, key, nowSeconds);
    const last = keys.at(-1);
    if (last && keys.length === STEP_KEYS) this.#later(STEP_MS, table, Buffer.concat([last, Buffer.alloc(1)]));
    else if (table === 'blobs') this.#later(STEP_MS, 'records', Buffer.alloc(1));
    else this.#later(PASS_MS, 'blobs', Buffer.alloc(1));
  }

  #later(delayMs: number, table: Table, start: Buffer): void {
    this.#timer = setTimeout(() => {
      if (!this.#writes.failed) this.#step(table, start);
    }, delayMs).unref();
  }

  #dropExpired(table: Table, key: Buffer, nowSeconds: number): void {
    const name = key.toString();
    const value = this.#writes.get(table, name);
    if (value && expiryOf(value) <= nowSeconds) this.#writes.remove(table, name);
  }
}
