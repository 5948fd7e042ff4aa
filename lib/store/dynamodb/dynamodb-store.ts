import { setTimeout as sleep } from 'node:timers/promises';
import { BrokerError } from '../../model/errors.ts';
import type {
  Append,
  AppendOutcome,
  Blob,
  Commit,
  CommitOutcome,
  DirectoryRecord,
  Due,
  GroupedStore,
  Head,
  OnUnread,
  RecordKey,
  RecordOptions,
  RecordOutcome,
  Steal,
  StealOutcome,
  Store,
} from '../port.ts';
import { extendBlobs, getBlobs, putBlob } from './blobs.ts';
import { type Clients, type ConnectionOptions, connect } from './connection.ts';
import { deleteRecord, getRecord, listRecords, putRecord } from './directory.ts';
import { listDue, putWake, removeWake } from './due.ts';
import { DynamoGroups } from './dynamo-groups.ts';
import { isElsewhere } from './elsewhere.ts';
import { appendToHead, clearDue, commitToHead, readHead, stealHead } from './heads.ts';
import { Homes } from './homes.ts';
import { removeHead } from './placing.ts';

export type DynamoStoreOptions = ConnectionOptions;

/** Opens the store on tables that exist. Any number of processes may. */
export function openDynamoStore(options: DynamoStoreOptions): Store {
  return new DynamoStore(connect(options));
}

const FIRST_POLL_MS = 50;
const LAST_POLL_MS = 1000;
const POLL_GROWTH = 1.5;

/** How often an append finds no shard, creates it, and finds it removed again. */
const CREATIONS = 8;

/** One item a head, one an immutable blob, one a wake-up. Discarding does nothing: TTL deletes for free. */
export class DynamoStore implements Store {
  readonly bodiesExpire = true;
  readonly groups: GroupedStore;
  readonly #db: Clients;
  readonly #homes: Homes;
  readonly #closed = new AbortController();
  /** What was put, and where: a repeat of what failed or was refused after it does not pay for it again. */
  readonly #put = new WeakMap<Blob, string>();

  constructor(connection: Clients) {
    this.#db = connection;
    this.#homes = new Homes(connection);
    this.groups = new DynamoGroups(connection, this.#homes);
  }

  async append(shard: string, append: Append): Promise<AppendOutcome> {
    for (let tries = 0; tries < CREATIONS; tries++) {
      const outcome = await this.#homes.atHead(shard, async (group) => {
        const table = this.#db.tableOf(group);
        await this.#putBlobs(table, shard, append.blobs);
        return appendToHead(this.#db, table, shard, append);
      });
      if (outcome) return outcome;
      if (append.mustExist) return { kind: 'absent', head: undefined };
      await this.#homes.create(shard);
    }
    throw new BrokerError('OVERLOADED', `${shard} is being created and removed; try again.`);
  }

  async commit(shard: string, commit: Commit): Promise<CommitOutcome> {
    const outcome = await this.#homes.atHead(shard, async (group) => {
      const table = this.#db.tableOf(group);
      await Promise.all([
        this.#putBlobs(table, shard, commit.blobs),
        commit.wake === undefined ? undefined : putWake(this.#db, table, shard, commit.wake),
      ]);
      return commitToHead(this.#db, table, shard, commit);
    });
    return outcome ?? { kind: 'lost', head: undefined };
  }

  async steal(shard: string, steal: Steal): Promise<StealOutcome> {
    const outcome = await this.#homes.atHead(shard, (group) =>
      stealHead(this.#db, this.#db.tableOf(group), shard, steal),
    );
    return outcome ?? { kind: 'lost', head: undefined };
  }

  readHead(shard: string): Promise<Head | undefined> {
    return this.#homes.atHead(shard, (group) => readHead(this.#db, this.#db.tableOf(group), shard));
  }

  /** A head that is gone counts as removed: it may be our own deletion, repeated. */
  async removeHead(shard: string, rings: number | undefined): Promise<boolean> {
    const outcome = await this.#homes.atHead(shard, (group) => removeHead(this.#db, group, shard, rings));
    return outcome?.kind !== 'busy';
  }

  /**
   * Nothing tells of a change: it is asked for, less and less often, and by each process at times of its own. So one
   * of many sees what has come, and the others see that it has asked for it. Where the shard lives is asked once.
   */
  async awaitChange(shard: string, seen: Head | undefined, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    const end = performance.now() + timeoutMs;
    const closed = this.#closed.signal;
    const over = signal ? AbortSignal.any([closed, signal]) : closed;
    let head = await this.readHead(shard);
    for (let waitMs = FIRST_POLL_MS; !over.aborted; waitMs = Math.min(waitMs * POLL_GROWTH, LAST_POLL_MS)) {
      if (differs(head, seen)) return;
      const leftMs = end - performance.now();
      if (leftMs <= 0) return;
      await sleep(Math.min(waitMs * (0.5 + Math.random()), leftMs), undefined, { signal: over }).catch(() => {});
      if (!over.aborted) head = await this.#glance(shard);
    }
  }

  /** The head where it was last, or would be created: as good as `readHead` until it goes elsewhere. */
  async #glance(shard: string): Promise<Head | undefined> {
    const found = await readHead(this.#db, this.#db.tableOf(this.#homes.guess(shard)), shard);
    if (!isElsewhere(found)) return found;
    return found.movedTo === undefined ? undefined : await this.readHead(shard);
  }

  /** What is missing where the shard was known to live is looked for where it lives: it may have been moved. */
  async getBlobs(shard: string, keys: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
    const group = await this.#homes.of(shard);
    const found = await getBlobs(this.#db, this.#db.tableOf(group), shard, keys);
    const missing = keys.filter((key) => !found.has(key));
    const home = missing.length > 0 ? await this.#homes.locate(shard) : undefined;
    if (home === undefined || home === group) return found;
    return new Map([...found, ...(await getBlobs(this.#db, this.#db.tableOf(home), shard, missing))]);
  }

  async keepBlobs(shard: string, keys: readonly string[], expiresAt: number): Promise<void> {
    const group = await this.#homes.of(shard);
    const left = await extendBlobs(this.#db, this.#db.tableOf(group), shard, keys, expiresAt);
    const home = left.length > 0 ? await this.#homes.locate(shard) : undefined;
    if (home === undefined || home === group) return;
    await extendBlobs(this.#db, this.#db.tableOf(home), shard, left, expiresAt);
  }

  async due(minute: number, limit: number, onUnread?: OnUnread): Promise<readonly Due[]> {
    const { names } = await this.#homes.served.current();
    // What nobody waits for does not keep the sweep from its work.
    await this.#homes.recordSome(Date.now()).catch(() => {});
    return await listDue(this.#db, names, minute, limit, onUnread);
  }

  async clearDue(due: Due, rings: number): Promise<boolean> {
    const { group = await this.#homes.of(due.shard) } = due;
    const table = this.#db.tableOf(group);
    if (due.kind === 'ring' && group !== this.#homes.known(due.shard)) {
      return await this.#homes.settleElsewhere(group, due.shard);
    }
    if (due.kind === 'ring') return clearDue(this.#db, table, due.shard, rings);
    await removeWake(this.#db, table, due.shard, due.minute);
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

  async #putBlobs(table: string, shard: string, blobs: readonly Blob[]): Promise<void> {
    const absent = blobs.filter((blob) => this.#put.get(blob) !== table);
    await Promise.all(
      absent.map(async (blob) => {
        await putBlob(this.#db, table, shard, blob);
        this.#put.set(blob, table);
      }),
    );
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
