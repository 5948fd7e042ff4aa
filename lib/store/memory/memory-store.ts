import { appendAllTo, appendTo, commitTo, isIdle, stealFrom } from '../head-rules.ts';
import { ownBytes } from '../own-bytes.ts';
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

/** Everything in this process's memory, for tests and simulations: durable for as long as the object lives. */
export class MemoryStore implements Store {
  readonly bodiesExpire: boolean;
  readonly #heads = new Map<string, Head>();
  readonly #blobs = new Map<string, Map<string, Uint8Array>>();
  readonly #wakes = new Map<string, Set<number>>();
  readonly #records = new Map<string, Map<string, Uint8Array>>();
  readonly #watchers = new Watchers();

  /** With `bodiesExpire` it says so of itself, for the broker to keep bodies alive as it does on a store with clocks. */
  constructor({ bodiesExpire = false }: { readonly bodiesExpire?: boolean } = {}) {
    this.bodiesExpire = bodiesExpire;
  }

  async append(shard: string, append: Append): Promise<AppendOutcome> {
    const outcome = appendTo(shard, this.#heads.get(shard), append);
    this.#take(shard, append, outcome);
    return outcome;
  }

  async appendAll(appends: readonly ShardAppend[], accepts: Accepts): Promise<readonly AppendOutcome[] | undefined> {
    const outcomes = appendAllTo((shard) => this.#heads.get(shard), appends, accepts);
    outcomes?.forEach((outcome, i) => {
      const append = appends[i];
      if (append) this.#take(append.shard, append, outcome);
    });
    return outcomes;
  }

  #take(shard: string, { blobs }: Append, outcome: AppendOutcome): void {
    if (outcome.kind !== 'appended') return;
    this.#putBlobs(shard, blobs);
    this.#replace(outcome.head);
  }

  async commit(shard: string, commit: Commit): Promise<CommitOutcome> {
    const outcome = commitTo(this.#heads.get(shard), commit);
    if (outcome.kind !== 'committed') return outcome;
    this.#putBlobs(shard, commit.blobs);
    if (commit.wake !== undefined) this.#wakesOf(shard).add(commit.wake);
    for (const key of commit.discard) this.#blobs.get(shard)?.delete(key);
    this.#replace(outcome.head);
    return outcome;
  }

  async steal(shard: string, steal: Steal): Promise<StealOutcome> {
    const outcome = stealFrom(this.#heads.get(shard), steal);
    if (outcome.kind === 'stolen') this.#replace(outcome.head);
    return outcome;
  }

  async readHead(shard: string): Promise<Head | undefined> {
    return this.#heads.get(shard);
  }

  async removeHead(shard: string, rings: number | undefined): Promise<boolean> {
    const head = this.#heads.get(shard);
    if (!head) return true;
    if (rings !== undefined && !isIdle(head, rings)) return false;
    this.#heads.delete(shard);
    this.dropBodies(shard);
    this.#watchers.wake(shard);
    return true;
  }

  async awaitChange(shard: string, seen: Head | undefined, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    if (this.#heads.get(shard) === seen) await this.#watchers.wait(shard, timeoutMs, signal);
  }

  async getBlobs(shard: string, keys: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
    const found = new Map<string, Uint8Array>();
    for (const key of keys) {
      const bytes = this.#blobs.get(shard)?.get(key);
      if (bytes) found.set(key, bytes);
    }
    return found;
  }

  /** Nothing expires here. */
  async keepBlobs(): Promise<void> {}

  async due(minute: number, limit: number): Promise<readonly Due[]> {
    const found: Due[] = [];
    for (const { shard, due } of this.#heads.values()) {
      if (due > 0 && due <= minute) found.push({ shard, minute: due, kind: 'ring' });
    }
    for (const [shard, minutes] of this.#wakes) {
      for (const at of minutes) if (at <= minute) found.push({ shard, minute: at, kind: 'wake' });
    }
    return found.sort((a, b) => a.minute - b.minute).slice(0, limit);
  }

  async clearDue(due: Due, rings: number): Promise<boolean> {
    if (due.kind === 'wake') {
      this.#wakes.get(due.shard)?.delete(due.minute);
      return true;
    }
    const head = this.#heads.get(due.shard);
    if (!head) return true;
    if (!isIdle(head, rings)) return false;
    this.#replace({ ...head, due: 0 });
    return true;
  }

  async putRecord(key: RecordKey, value: Uint8Array, options: RecordOptions = {}): Promise<RecordOutcome> {
    const family = this.#records.get(key.family) ?? new Map<string, Uint8Array>();
    const current = family.get(key.name);
    if (options.expected !== undefined && !sameBytes(current, options.expected)) return { kind: 'conflict', current };
    this.#records.set(key.family, family.set(key.name, ownBytes(value)));
    return { kind: 'stored' };
  }

  async getRecord(key: RecordKey): Promise<Uint8Array | undefined> {
    return this.#records.get(key.family)?.get(key.name);
  }

  async deleteRecord(key: RecordKey): Promise<void> {
    this.#records.get(key.family)?.delete(key.name);
  }

  async listRecords(family: string, after: string, limit: number): Promise<readonly DirectoryRecord[]> {
    return [...(this.#records.get(family) ?? [])]
      .map(([name, value]) => ({ name, value }))
      .filter((record) => byteOrder(record.name, after) > 0)
      .sort((a, b) => byteOrder(a.name, b.name))
      .slice(0, limit);
  }

  async close(): Promise<void> {
    this.#watchers.wakeAll();
  }

  /** Drops all bodies of a shard whose head is gone. */
  protected dropBodies(shard: string): void {
    this.#blobs.delete(shard);
  }

  #replace(head: Head): void {
    this.#heads.set(head.shard, head);
    this.#watchers.wake(head.shard);
  }

  #putBlobs(shard: string, blobs: readonly Blob[]): void {
    const held = this.#blobs.get(shard) ?? new Map<string, Uint8Array>();
    for (const blob of blobs) if (!held.has(blob.key)) held.set(blob.key, ownBytes(blob.bytes));
    this.#blobs.set(shard, held);
  }

  #wakesOf(shard: string): Set<number> {
    const minutes = this.#wakes.get(shard) ?? new Set();
    this.#wakes.set(shard, minutes);
    return minutes;
  }
}

/** The order of the octets in UTF-8, as in the other stores. */
function byteOrder(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
