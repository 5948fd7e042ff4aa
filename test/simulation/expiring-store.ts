import { MemoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Append, AppendOutcome, Blob, Commit, CommitOutcome } from '../../lib/store/port.ts';
import type { Faults } from './faults.ts';
import type { Schedule } from './schedule.ts';

/** DynamoDB's TTL deletes up to two days late; here, by as much as the shard's retention is scaled down. */
const LATE_MS = 120_000;

/** A store that keeps what expires no longer than it must, or somewhat longer. */
export class ExpiringStore extends MemoryStore {
  readonly #schedule: Schedule;
  readonly #faults: Faults;
  /** By shard and key: when each item expires, in seconds since the epoch. */
  readonly #expiries = new Map<string, Map<string, number>>();
  /** True where deleting is billed: what is discarded lingers until it expires. */
  readonly #keepsDiscarded: boolean;
  onExpired: (shard: string, key: string) => void = () => {};

  constructor(schedule: Schedule, faults: Faults, keepsDiscarded: boolean) {
    super();
    this.#schedule = schedule;
    this.#faults = faults;
    this.#keepsDiscarded = keepsDiscarded;
  }

  override async append(shard: string, append: Append): Promise<AppendOutcome> {
    const outcome = await super.append(shard, append);
    if (outcome.kind === 'appended') this.#note(shard, append.blobs);
    return outcome;
  }

  override async commit(shard: string, commit: Commit): Promise<CommitOutcome> {
    const discard = this.#keepsDiscarded ? [] : commit.discard;
    const outcome = await super.commit(shard, { ...commit, discard });
    if (outcome.kind !== 'committed') return outcome;
    this.#note(shard, commit.blobs);
    for (const key of discard) this.#expiries.get(shard)?.delete(key);
    return outcome;
  }

  override async removeHead(shard: string, rings: number, discard: readonly string[]): Promise<boolean> {
    const isRemoved = await super.removeHead(shard, rings, []);
    if (isRemoved && !this.#keepsDiscarded) for (const key of discard) this.#expiries.get(shard)?.delete(key);
    return isRemoved;
  }

  override async getBlobs(shard: string, keys: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
    return await super.getBlobs(
      shard,
      keys.filter((key) => this.#expiries.get(shard)?.has(key)),
    );
  }

  override async extendBlobs(shard?: string, keys: readonly string[] = [], expiresAt = 0): Promise<void> {
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

  /** Deletes what has expired: some of it in the very second, some of it late. */
  expire(): void {
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
