import { MemoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Accepts, Append, AppendOutcome, Blob, Commit, CommitOutcome, ShardAppend } from '../../lib/store/port.ts';
import type { Faults } from './faults.ts';
import type { Schedule } from './schedule.ts';

/** DynamoDB's TTL deletes up to two days late; here, by as much as the shard's retention is scaled down. */
const LATE_MS = 120_000;

/**
 * How a store forgets bodies: `promptly` both what is discarded and what expires; `lingering`, where deleting is billed,
 * only what expires; `never` of itself, as an embedded one does.
 */
export type Forgetting = 'promptly' | 'lingering' | 'never';

/** A store that keeps what expires no longer than it must, or somewhat longer. */
export class ExpiringStore extends MemoryStore {
  readonly #schedule: Schedule;
  readonly #faults: Faults;
  /** By shard and key: when each item expires, in seconds since the epoch. */
  readonly #expiries = new Map<string, Map<string, number>>();
  readonly #forgetting: Forgetting;
  onExpired: (shard: string, key: string) => void = () => {};

  constructor(schedule: Schedule, faults: Faults, forgetting: Forgetting) {
    super({ bodiesExpire: forgetting !== 'never' });
    this.#schedule = schedule;
    this.#faults = faults;
    this.#forgetting = forgetting;
  }

  override async append(shard: string, append: Append): Promise<AppendOutcome> {
    const outcome = await super.append(shard, append);
    if (outcome.kind === 'appended') this.#note(shard, append.blobs);
    return outcome;
  }

  override async appendAll(
    appends: readonly ShardAppend[],
    accepts: Accepts,
  ): Promise<readonly AppendOutcome[] | undefined> {
    const outcomes = await super.appendAll(appends, accepts);
    outcomes?.forEach(({ kind }, i) => {
      const append = appends[i];
      if (append && kind === 'appended') this.#note(append.shard, append.blobs);
    });
    return outcomes;
  }

  override async commit(shard: string, commit: Commit): Promise<CommitOutcome> {
    const discard = this.#forgetting === 'lingering' ? [] : commit.discard;
    const outcome = await super.commit(shard, { ...commit, discard });
    if (outcome.kind !== 'committed') return outcome;
    this.#note(shard, commit.blobs);
    for (const key of discard) this.#expiries.get(shard)?.delete(key);
    return outcome;
  }

  protected override dropBodies(shard: string): void {
    if (this.#forgetting === 'lingering') return;
    this.#expiries.delete(shard);
    super.dropBodies(shard);
  }

  override async getBlobs(shard: string, keys: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
    return await super.getBlobs(
      shard,
      keys.filter((key) => this.#expiries.get(shard)?.has(key)),
    );
  }

  override async keepBlobs(shard?: string, keys: readonly string[] = [], expiresAt = 0): Promise<void> {
    const mine = this.#expiries.get(shard ?? '');
    for (const key of keys) if (mine?.has(key)) mine.set(key, expiresAt);
  }

  /** How many items there are, and how large the heads are in all. */
  async size(): Promise<{ readonly items: number; readonly headBytes: number }> {
    let [items, headBytes] = [0, 0];
    for (const [shard, mine] of this.#expiries) {
      items += mine.size;
      const head = await this.readHead(shard);
      for (const { byteLength } of [head?.state ?? new Uint8Array(), ...(head?.inbox ?? [])]) headBytes += byteLength;
    }
    const dues = await this.due(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
    return { items: items + dues.length, headBytes };
  }

  holds(shard: string, key: string): boolean {
    return this.#expiries.get(shard)?.has(key) ?? false;
  }

  /** The keys of all that is kept of a shard. */
  keysOf(shard: string): readonly string[] {
    return [...(this.#expiries.get(shard)?.keys() ?? [])];
  }

  /** Deletes what has expired: some of it in the very second, some of it late. */
  expire(): void {
    if (!this.bodiesExpire) return;
    for (const [shard, mine] of this.#expiries) {
      for (const [key, expiresAt] of mine) {
        const overdueMs = this.#schedule.now - expiresAt * 1000;
        if (overdueMs < 0) continue;
        const isLate = overdueMs > 10_000;
        if (!isLate && !this.#faults.strike('expired in time')) continue;
        if (isLate && overdueMs < LATE_MS && !this.#faults.strike('expired late')) continue;
        this.#remove(shard, key);
      }
    }
  }

  #remove(shard: string, key: string): void {
    if (this.#expiries.get(shard)?.delete(key)) this.onExpired(shard, key);
  }

  #note(shard: string, blobs: readonly Blob[]): void {
    const mine = this.#expiries.get(shard) ?? new Map<string, number>();
    for (const { key, expiresAt } of blobs) if (!mine.has(key)) mine.set(key, expiresAt);
    this.#expiries.set(shard, mine);
  }
}
