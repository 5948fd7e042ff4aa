import { setTimeout as sleep } from 'node:timers/promises';
import type {
  Append,
  AppendOutcome,
  Blob,
  Commit,
  CommitOutcome,
  DirectoryRecord,
  Due,
  Head,
  RecordKey,
  RecordOptions,
  RecordOutcome,
  Steal,
  StealOutcome,
  Store,
  TransactOutcome,
} from '../port.ts';
import { extendBlobs, getBlobs, putBlobs, transactBlobs } from './blobs.ts';
import { type Connection, type ConnectionOptions, connect } from './connection.ts';
import { deleteRecord, getRecord, listRecords, putRecord } from './directory.ts';
import { listDue, putWake, removeWake } from './due.ts';
import { appendToHead, clearDue, commitToHead, readHead, removeHead, stealHead } from './heads.ts';

export type DynamoStoreOptions = ConnectionOptions;

/** Opens the store on tables that exist. Any number of processes may. */
export function openDynamoStore(options: DynamoStoreOptions): Store {
  return new DynamoStore(connect(options));
}

const FIRST_POLL_MS = 50;
const LAST_POLL_MS = 1000;
const POLL_GROWTH = 1.5;

/** One item a head, one an immutable blob, one a wake-up. Discarding does nothing: TTL deletes for free. */
export class DynamoStore implements Store {
  readonly #db: Connection;
  readonly #closed = new AbortController();

  constructor(connection: Connection) {
    this.#db = connection;
  }

  async append(shard: string, append: Append): Promise<AppendOutcome> {
    await putBlobs(this.#db, shard, append.blobs);
    return appendToHead(this.#db, shard, append);
  }

  async commit(shard: string, commit: Commit): Promise<CommitOutcome> {
    await Promise.all([
      putBlobs(this.#db, shard, commit.blobs),
      commit.wake === undefined ? undefined : putWake(this.#db, shard, commit.wake),
    ]);
    return commitToHead(this.#db, shard, commit);
  }

  steal(shard: string, steal: Steal): Promise<StealOutcome> {
    return stealHead(this.#db, shard, steal);
  }

  readHead(shard: string): Promise<Head | undefined> {
    return readHead(this.#db, shard);
  }

  removeHead(shard: string, rings: number): Promise<boolean> {
    return removeHead(this.#db, shard, rings);
  }

  /** Nothing tells of a change: it is asked for, less and less often. */
  async awaitChange(shard: string, seen: Head | undefined, timeoutMs: number): Promise<void> {
    const end = performance.now() + timeoutMs;
    for (
      let waitMs = FIRST_POLL_MS;
      !this.#closed.signal.aborted;
      waitMs = Math.min(waitMs * POLL_GROWTH, LAST_POLL_MS)
    ) {
      if (differs(await readHead(this.#db, shard), seen)) return;
      const leftMs = end - performance.now();
      if (leftMs <= 0) return;
      await sleep(Math.min(waitMs, leftMs), undefined, { signal: this.#closed.signal }).catch(() => {});
    }
  }

  getBlobs(shard: string, keys: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
    return getBlobs(this.#db, shard, keys);
  }

  extendBlobs(shard: string, keys: readonly string[], expiresAt: number): Promise<void> {
    return extendBlobs(this.#db, shard, keys, expiresAt);
  }

  transact(shard: string, blobs: readonly Blob[]): Promise<TransactOutcome> {
    return transactBlobs(this.#db, shard, blobs);
  }

  due(minute: number, limit: number): Promise<readonly Due[]> {
    return listDue(this.#db, minute, limit);
  }

  async settle(due: Due, rings: number): Promise<boolean> {
    if (due.kind === 'ring') return clearDue(this.#db, due.shard, rings);
    await removeWake(this.#db, due.shard, due.minute);
    return true;
  }

  putRecord(key: RecordKey, value: Uint8Array, options: RecordOptions = {}): Promise<RecordOutcome> {
    return putRecord(this.#db, key, value, options);
  }

  getRecord(key: RecordKey): Promise<Uint8Array | undefined> {
    return getRecord(this.#db, key);
  }

  deleteRecord(key: RecordKey): Promise<void> {
    return deleteRecord(this.#db, key);
  }

  listRecords(family: string, after: string, limit: number): Promise<readonly DirectoryRecord[]> {
    return listRecords(this.#db, family, after, limit);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#db.once.destroy();
    this.#db.patient.destroy();
  }
}

function differs(head: Head | undefined, seen: Head | undefined): boolean {
  if (!head || !seen) return head !== seen;
  return (
    head.rings !== seen.rings ||
    head.inbox.length !== seen.inbox.length ||
    head.lease?.nonce !== seen.lease?.nonce ||
    Buffer.compare(head.state ?? Buffer.alloc(0), seen.state ?? Buffer.alloc(0)) !== 0
  );
}
