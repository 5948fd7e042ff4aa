import type { BrokerError } from '../../model/errors.ts';
import { appendAllTo, appendTo, commitTo, isIdle, stealFrom } from '../head-rules.ts';
import type {
  Accepts,
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
  ShardAppend,
  Steal,
  StealOutcome,
  Store,
} from '../port.ts';
import { sameBytes } from '../same-bytes.ts';
import { Watchers } from '../watchers.ts';
import { damagedFile, isDamage } from './data-file.ts';
import { damagedPart, dataFile, type Opened, openTables, PAGE_BYTES, readOf, type Table } from './database.ts';
import { DiskRoom, type Need, type ReadFree } from './disk-room.ts';
import { Expiry } from './expiry.ts';
import { Graves } from './graves.ts';
import type { Slot } from './group.ts';
import { GroupCommit } from './group-commit.ts';
import { HeadCache } from './head-cache.ts';
import { bodiesOwner, dueEnd, dueKey, nameOf, ownedKey, parseDueKey } from './keys.ts';
import { type OnDamage, Ranges } from './ranges.ts';
import { NEVER, stamp, unstamp } from './stamped.ts';

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
  /** Told once of each part that is found damaged by nobody's request. */
  readonly onDamage?: OnDamage;
  /** Default: what the system says of the disk. */
  readonly readFree?: ReadFree;
};

/**
 * Opens the embedded store: one folder, one process that writes.
 * @throws BrokerError UNAVAILABLE with a sentence that names the folder, or the file in it that is damaged
 */
export async function openLmdbStore(options: LmdbStoreOptions): Promise<Store> {
  const { path, owner, onFailure = () => {}, onDamage = () => {}, readFree } = options;
  const opened = openTables(path);
  const writes = new GroupCommit(opened, { path, owner, onFailure });
  try {
    const room = await DiskRoom.on(opened, path, readFree);
    await writes.takeOver();
    return new LmdbStore(opened, { writes, room, ranges: new Ranges(opened, path), onDamage: onceEach(onDamage) });
  } catch (error) {
    await opened.env.close().catch(() => {});
    throw isDamage(error) ? damagedFile(dataFile(path), error) : error;
  }
}

/** What of a page or an entry is not a body's. */
const NODE_BYTES = 64;

/** What bodies take in the file, in whole pages. */
function sizeOf(blobs: readonly Blob[]): number {
  return blobs.reduce((sum, { bytes }) => sum + pagesFor(bytes), 0);
}

function pagesFor(bytes: Uint8Array): number {
  return Math.ceil((bytes.byteLength + NODE_BYTES) / PAGE_BYTES) * PAGE_BYTES;
}

function onceEach(onDamage: OnDamage): OnDamage {
  const told = new Set<string>();
  return (damage) => {
    if (told.has(damage.message)) return;
    told.add(damage.message);
    onDamage(damage);
  };
}

type Parts = {
  readonly writes: GroupCommit;
  readonly room: DiskRoom;
  readonly ranges: Ranges;
  readonly onDamage: OnDamage;
};

class LmdbStore implements Store {
  readonly bodiesExpire = false;
  readonly #opened: Opened;
  readonly #writes: GroupCommit;
  readonly #heads: HeadCache;
  readonly #expiry: Expiry;
  readonly #graves: Graves;
  readonly #room: DiskRoom;
  readonly #ranges: Ranges;
  readonly #onDamage: OnDamage;
  readonly #watchers = new Watchers();
  #hasDamagedBodies = false;

  constructor(opened: Opened, { writes, room, ranges, onDamage }: Parts) {
    this.#room = room;
    this.#ranges = ranges;
    this.#onDamage = onDamage;
    this.#opened = opened;
    this.#writes = writes;
    this.#heads = new HeadCache(opened, this.#watchers);
    this.#expiry = new Expiry(ranges, writes, onDamage);
    this.#expiry.start();
    this.#graves = new Graves(ranges, writes, (damage) => {
      this.#hasDamagedBodies = true;
      onDamage(damage);
    });
    this.#graves.start();
  }

  /**
   * @throws BrokerError OVERLOADED, with `disk` in its details, if there are bodies, or the head is a new one, and the
   * disk is full
   */
  async append(shard: string, append: Append): Promise<AppendOutcome> {
    return await this.#withRoom(this.#needOf([{ shard, ...append }]), async () => {
      const slot = this.#slot(shard);
      const outcome = appendTo(shard, slot.head, append);
      this.#take(slot, append, outcome);
      await slot.group?.durable;
      return outcome;
    });
  }

  /**
   * What is changed without a wait in between becomes durable in one transaction.
   * @throws BrokerError as `append` does
   */
  async appendAll(appends: readonly ShardAppend[], accepts: Accepts): Promise<readonly AppendOutcome[] | undefined> {
    return await this.#withRoom(this.#needOf(appends), async () => {
      const outcomes = appendAllTo((shard) => this.#slot(shard).head, appends, accepts);
      if (!outcomes) return undefined;
      outcomes.forEach((outcome, i) => {
        const append = appends[i];
        if (append) this.#take(this.#slot(append.shard), append, outcome);
      });
      await this.#writes.durable();
      return outcomes;
    });
  }

  /** What appends bring besides entries. An entry alone may free something, and is always taken. */
  #needOf(appends: readonly ShardAppend[]): Need {
    const bodyBytes = sizeOf(appends.flatMap(({ blobs }) => blobs));
    if (bodyBytes > 0) return { kind: 'bodies', sizeBytes: bodyBytes };
    const beginning = appends.filter(({ shard, mustExist }) => !mustExist && !this.#slot(shard).head);
    return { kind: 'small', sizeBytes: beginning.length * PAGE_BYTES };
  }

  async #withRoom<T>(need: Need, write: () => Promise<T>): Promise<T> {
    const { sizeBytes } = need;
    if (sizeBytes === 0) return await write();
    // No wait where there is none: what is asked for first is written first.
    const admitted = this.#room.admit(need);
    if (admitted) await admitted;
    return await write().finally(() => this.#room.settle(sizeBytes));
  }

  #take(slot: Slot, { blobs }: Append, outcome: AppendOutcome): void {
    if (outcome.kind !== 'appended') return;
    if (!slot.head) slot.generation = this.#graves.freeGeneration(slot.shard);
    this.#putBlobs(slot, blobs);
    this.#replace(slot, outcome.head);
  }

  async commit(shard: string, commit: Commit): Promise<CommitOutcome> {
    const slot = this.#slot(shard);
    const outcome = commitTo(slot.head, commit);
    if (outcome.kind === 'committed') {
      this.#putBlobs(slot, commit.blobs);
      if (commit.wake !== undefined) this.#putWake(shard, commit.wake);
      const owner = bodiesOwner(shard, slot.generation);
      for (const key of commit.discard) this.#discard(ownedKey(owner, key));
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

  /** The bodies are unreachable at once; that they go is left to a job of its own, since there may be any number. */
  async removeHead(shard: string, rings: number | undefined): Promise<boolean> {
    this.#writes.check();
    const slot = rings === undefined ? this.#heads.slotToRemove(shard) : this.#heads.slot(shard);
    const removed = !slot.head || rings === undefined || isIdle(slot.head, rings);
    if (removed && (slot.head || slot.isUnreadable)) {
      if (!this.#isRemovable('heads', shard)) throw damagedPart({ shard });
      if (slot.head) this.#graves.add(shard, slot.generation);
      else this.#graves.addAll(shard);
      slot.isUnreadable = false;
      this.#replace(slot, undefined);
    }
    await slot.group?.durable;
    return removed;
  }

  async awaitChange(shard: string, seen: Head | undefined, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    if (this.#slot(shard).head === seen) await this.#watchers.wait(shard, timeoutMs, signal);
  }

  async getBlobs(shard: string, keys: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
    const { head, generation } = this.#slot(shard);
    const found = new Map<string, Uint8Array>();
    if (!head) return found;
    const owner = bodiesOwner(shard, generation);
    for (const key of keys) {
      const stamped = this.#readBody(shard, ownedKey(owner, key));
      if (stamped) found.set(key, unstamp(stamped));
    }
    return found;
  }

  #readBody(shard: string, key: string): Buffer | undefined {
    try {
      return readOf(this.#opened, { shard }, () => this.#opened.tables.blobs.getBinary(Buffer.from(key)));
    } catch (error) {
      this.#hasDamagedBodies = true;
      throw error;
    }
  }

  /** No body goes by its clock here. */
  async keepBlobs(): Promise<void> {}

  async due(minute: number, limit: number): Promise<readonly Due[]> {
    this.#writes.check();
    const end = dueEnd(minute);
    const { keys, isWhole } = this.#ranges.keys('due', { start: Buffer.alloc(1), end, limit });
    if (!isWhole) this.#onDamage(damagedPart({ table: 'due' }));
    return keys.map(parseDueKey);
  }

  async clearDue(due: Due, rings: number): Promise<boolean> {
    const slot = this.#slot(due.shard);
    const settled = due.kind === 'wake' || !slot.head || isIdle(slot.head, rings);
    if (due.kind === 'wake') this.#writes.remove('due', dueKey(due));
    else if (settled) {
      // The index may know another minute than the head: that of a head which could not be read.
      if (due.minute !== slot.indexed) this.#writes.remove('due', dueKey(due));
      if (slot.head) this.#replace(slot, { ...slot.head, due: 0 });
    }
    await this.#writes.durable();
    return settled;
  }

  /** @throws BrokerError OVERLOADED, with `disk` in its details, if the record is a new one and the disk is full */
  async putRecord(key: RecordKey, value: Uint8Array, options: RecordOptions = {}): Promise<RecordOutcome> {
    const isNew = !this.#storedRecord(key);
    const need: Need = { kind: 'small', sizeBytes: isNew ? pagesFor(value) : 0 };
    return await this.#withRoom(need, () => this.#putRecord(key, value, options));
  }

  #storedRecord({ family, name }: RecordKey): Buffer | undefined {
    this.#writes.check();
    return this.#writes.get('records', ownedKey(family, name), { family });
  }

  async #putRecord(key: RecordKey, value: Uint8Array, options: RecordOptions): Promise<RecordOutcome> {
    const at = ownedKey(key.family, key.name);
    const stamped = this.#storedRecord(key);
    const current = stamped && unstamp(stamped);
    const agreed = options.expected === undefined || sameBytes(current, options.expected);
    if (agreed) this.#writes.put('records', at, stamp(options.expiresAt ?? NEVER, value));
    await this.#writes.durable();
    return agreed ? { kind: 'stored' } : { kind: 'conflict', current };
  }

  async getRecord(key: RecordKey): Promise<Uint8Array | undefined> {
    this.#writes.check();
    const { family, name } = key;
    const at = Buffer.from(ownedKey(family, name));
    const stamped = readOf(this.#opened, { family }, () => this.#opened.tables.records.getBinary(at));
    return stamped && unstamp(stamped);
  }

  async deleteRecord(key: RecordKey): Promise<void> {
    this.#writes.check();
    const at = ownedKey(key.family, key.name);
    if (!this.#isRemovable('records', at)) throw damagedPart({ family: key.family });
    this.#writes.remove('records', at);
    await this.#writes.durable();
  }

  async listRecords(family: string, after: string, limit: number): Promise<readonly DirectoryRecord[]> {
    this.#writes.check();
    const start = Buffer.from(`${ownedKey(family, after)}\0`);
    const end = Buffer.from(`${family}\x01`);
    const { entries, isWhole } = this.#ranges.entries('records', { start, end, limit });
    if (!isWhole) throw damagedPart({ family });
    return entries.map(({ key, value }) => ({ name: nameOf(key), value: unstamp(value) }));
  }

  async close(): Promise<void> {
    this.#expiry.stop();
    this.#graves.stop();
    this.#watchers.wakeAll();
    await this.#writes.close();
    await this.#room.close();
    this.#ranges.close();
    await this.#opened.env.close();
  }

  /** Whether no page that a removal of this key may touch is damaged. */
  #isRemovable(table: Table, key: string): boolean {
    const start = Buffer.from(key);
    return this.#ranges.keysToRemove(table, { start, end: Buffer.concat([start, Buffer.alloc(1)]), limit: 1 }).isWhole;
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

  #putBlobs({ shard, generation }: Slot, blobs: readonly Blob[]): void {
    const owner = bodiesOwner(shard, generation);
    for (const { key, bytes } of blobs) this.#writes.putIfAbsent('blobs', ownedKey(owner, key), stamp(NEVER, bytes));
  }

  /** A body whose page cannot be changed stays, where it is known that there are such pages. */
  #discard(key: string): void {
    if (!this.#hasDamagedBodies || this.#isRemovable('blobs', key)) this.#writes.remove('blobs', key);
  }

  #putWake(shard: string, minute: number): void {
    this.#writes.put('due', dueKey({ shard, minute, kind: 'wake' }), Buffer.alloc(0));
  }
}
