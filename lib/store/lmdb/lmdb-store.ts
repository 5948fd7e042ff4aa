import type { BrokerError } from '../../model/errors.ts';
import { appendTo, commitTo, isIdle, stealFrom } from '../head-rules.ts';
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
import { sameBytes } from '../same-bytes.ts';
import { Watchers } from '../watchers.ts';
import { type Opened, openTables } from './database.ts';
import { Expiry } from './expiry.ts';
import type { Slot } from './group.ts';
import { GroupCommit } from './group-commit.ts';
import { HeadCache } from './head-cache.ts';
import { dueEnd, dueKey, nameOf, ownedKey, parseDueKey } from './keys.ts';
import { expiryOf, NEVER, stamp, unstamp } from './stamped.ts';

export type LmdbStoreOptions = {
  /** The data folder; created if there is none. */
  readonly path: string;
  /** A fresh nonce. Whoever opened the folder last owns it: the writes of all others fail with NOT_MASTER. */
  readonly owner: string;
  /**
   * Called once, when a write failed: NOT_MASTER or UNAVAILABLE. The store then refuses everything, since its memory
   * is ahead of the disk; the process has to exit.
   */
  readonly onFailure?: (failure: BrokerError) => void;
};

/** Opens the embedded store: one folder, one process that writes. */
export async function openLmdbStore(options: LmdbStoreOptions): Promise<Store> {
  const opened = openTables(options.path);
  const writes = new GroupCommit(opened, { owner: options.owner, onFailure: options.onFailure ?? (() => {}) });
  await writes.takeOver();
  return new LmdbStore(opened, writes);
}

class LmdbStore implements Store {
  readonly #opened: Opened;
  readonly #writes: GroupCommit;
  readonly #heads: HeadCache;
  readonly #expiry: Expiry;
  readonly #watchers = new Watchers();

  constructor(opened: Opened, writes: GroupCommit) {
    this.#opened = opened;
    this.#writes = writes;
    this.#heads = new HeadCache(opened.tables, this.#watchers);
    this.#expiry = new Expiry(opened.tables, writes);
    this.#expiry.start();
  }

  async append(shard: string, append: Append): Promise<AppendOutcome> {
    const slot = this.#slot(shard);
    const outcome = appendTo(shard, slot.head, append);
    if (outcome.kind === 'appended') {
      this.#putBlobs(shard, append.blobs);
      this.#replace(slot, outcome.head);
    }
    await slot.group?.durable;
    return outcome;
  }

  async commit(shard: string, commit: Commit): Promise<CommitOutcome> {
    const slot = this.#slot(shard);
    const outcome = commitTo(slot.head, commit);
    if (outcome.kind === 'committed') {
      this.#putBlobs(shard, commit.blobs);
      if (commit.wake !== undefined) this.#putWake(shard, commit.wake);
      for (const key of commit.discard) this.#writes.remove('blobs', ownedKey(shard, key));
      this.#replace(slot, outcome.head);
    }
    await slot.group?.durable;
    return outcome;
  }

  async steal(shard: string, steal: Steal): Promise<StealOutcome> {
    const slot = this.#slot(shard);
    const outcome = stealFrom(slot.head, steal);
    if (outcome.kind === 'stolen') this.#replace(slot, outcome.head);
    await slot.group?.durable;
    return outcome;
  }

  async readHead(shard: string): Promise<Head | undefined> {
    const slot = this.#slot(shard);
    const { head } = slot;
    await slot.group?.durable;
    return head;
  }

  async removeHead(shard: string, rings: number, discard: readonly string[]): Promise<boolean> {
    const slot = this.#slot(shard);
    const removed = !slot.head || isIdle(slot.head, rings);
    if (removed && slot.head) {
      for (const key of discard) this.#writes.remove('blobs', ownedKey(shard, key));
      this.#replace(slot, undefined);
    }
    await slot.group?.durable;
    return removed;
  }

  async awaitChange(shard: string, seen: Head | undefined, timeoutMs: number): Promise<void> {
    if (this.#slot(shard).head === seen) await this.#watchers.wait(shard, timeoutMs);
  }

  async getBlobs(shard: string, keys: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
    this.#writes.check();
    const found = new Map<string, Uint8Array>();
    for (const key of keys) {
      const stamped = this.#opened.tables.blobs.getBinary(Buffer.from(ownedKey(shard, key)));
      if (stamped) found.set(key, unstamp(stamped));
    }
    return found;
  }

  async extendBlobs(shard: string, keys: readonly string[], expiresAt: number): Promise<void> {
    this.#writes.check();
    for (const key of keys.map((name) => ownedKey(shard, name))) {
      const stamped = this.#writes.get('blobs', key);
      if (stamped && expiryOf(stamped) < expiresAt) {
        this.#writes.put('blobs', key, stamp(expiresAt, unstamp(stamped)));
      }
    }
    await this.#writes.durable();
  }

  async transact(shard: string, blobs: readonly Blob[]): Promise<TransactOutcome> {
    this.#writes.check();
    const keys = blobs.map((blob) => blob.key).filter((key) => this.#writes.get('blobs', ownedKey(shard, key)));
    if (keys.length === 0) this.#putBlobs(shard, blobs);
    await this.#writes.durable();
    return keys.length === 0 ? { kind: 'done' } : { kind: 'exists', keys };
  }

  async due(minute: number, limit: number): Promise<readonly Due[]> {
    this.#writes.check();
    const end = dueEnd(minute);
    return [...this.#opened.tables.due.getKeys({ start: Buffer.alloc(1), end, limit })].map(parseDueKey);
  }

  async settle(due: Due, rings: number): Promise<boolean> {
    const slot = this.#slot(due.shard);
    const settled = due.kind === 'wake' || !slot.head || isIdle(slot.head, rings);
    if (due.kind === 'wake') this.#writes.remove('due', dueKey(due));
    else if (settled && slot.head) this.#replace(slot, { ...slot.head, due: 0 });
    await this.#writes.durable();
    return settled;
  }

  async putRecord(key: RecordKey, value: Uint8Array, options: RecordOptions = {}): Promise<RecordOutcome> {
    this.#writes.check();
    const at = ownedKey(key.family, key.name);
    const stamped = options.expected === undefined ? undefined : this.#writes.get('records', at);
    const current = stamped && unstamp(stamped);
    const agreed = options.expected === undefined || sameBytes(current, options.expected);
    if (agreed) this.#writes.put('records', at, stamp(options.expiresAt ?? NEVER, value));
    await this.#writes.durable();
    return agreed ? { kind: 'stored' } : { kind: 'conflict', current };
  }

  async getRecord(key: RecordKey): Promise<Uint8Array | undefined> {
    this.#writes.check();
    const stamped = this.#opened.tables.records.getBinary(Buffer.from(ownedKey(key.family, key.name)));
    return stamped && unstamp(stamped);
  }

  async deleteRecord(key: RecordKey): Promise<void> {
    this.#writes.check();
    this.#writes.remove('records', ownedKey(key.family, key.name));
    await this.#writes.durable();
  }

  async listRecords(family: string, after: string, limit: number): Promise<readonly DirectoryRecord[]> {
    this.#writes.check();
    const start = Buffer.from(`${ownedKey(family, after)}\0`);
    const end = Buffer.from(`${family}\x01`);
    const found: DirectoryRecord[] = [];
    for (const key of this.#opened.tables.records.getKeys({ start, end, limit })) {
      const stamped = this.#opened.tables.records.getBinary(key);
      if (stamped) found.push({ name: nameOf(key), value: unstamp(stamped) });
    }
    return found;
  }

  async close(): Promise<void> {
    this.#expiry.stop();
    this.#watchers.wakeAll();
    await this.#writes.close();
    await this.#opened.env.close();
  }

  #slot(shard: string): Slot {
    this.#writes.check();
    return this.#heads.slot(shard);
  }

  #replace(slot: Slot, head: Head | undefined): void {
    slot.head = head;
    this.#writes.writeHead(slot);
    this.#watchers.wake(slot.shard);
  }

  #putBlobs(shard: string, blobs: readonly Blob[]): void {
    for (const blob of blobs) {
      this.#writes.putIfAbsent('blobs', ownedKey(shard, blob.key), stamp(blob.expiresAt, blob.bytes));
    }
  }

  #putWake(shard: string, minute: number): void {
    this.#writes.put('due', dueKey({ shard, minute, kind: 'wake' }), Buffer.alloc(0));
  }
}
