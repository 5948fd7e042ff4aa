import { damagedPart } from './database.ts';
import type { GroupCommit } from './group-commit.ts';
import { bodiesOwner, ownedRange, ownerOf, parseBodiesOwner } from './keys.ts';
import type { OnDamage, Ranges } from './ranges.ts';

const STEP_KEYS = 64;
const REST_MS = 20;
const nothing = Buffer.alloc(0);

/**
 * The bodies of heads that were removed. Removing a head only notes here whose bodies they were; then they go, a few at
 * a time with a rest between, so that others are served meanwhile. What is noted outlives a restart. When all are gone,
 * so is the note. Where a page is damaged, what lies there and beside it stays, and so does the note.
 */
export class Graves {
  readonly #ranges: Ranges;
  readonly #writes: GroupCommit;
  readonly #onDamage: OnDamage;
  /** By shard: the generations whose bodies are not all gone. */
  readonly #noted = new Map<string, Set<number>>();
  /** Owners that a damaged page keeps, as far as this process has found out. */
  readonly #kept = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(ranges: Ranges, writes: GroupCommit, onDamage: OnDamage) {
    this.#ranges = ranges;
    this.#writes = writes;
    this.#onDamage = onDamage;
    const { keys, isWhole } = ranges.keys('graves', { start: Buffer.alloc(1), limit: Number.POSITIVE_INFINITY });
    if (!isWhole) onDamage(damagedPart({ table: 'graves' }));
    for (const key of keys) {
      const { shard, generation } = parseBodiesOwner(key.toString());
      this.#note(shard, generation);
    }
  }

  start(): void {
    this.#later();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** A generation of which no body is left, for a head that is made anew. */
  freeGeneration(shard: string): number {
    const noted = this.#noted.get(shard);
    return noted ? Math.max(...noted) + 1 : 0;
  }

  /** Lets all bodies of a generation go. To be called in the group of writes that removes the head. */
  add(shard: string, generation: number): void {
    this.#note(shard, generation);
    this.#writes.put('graves', bodiesOwner(shard, generation), nothing);
    this.#later();
  }

  /** The same, for a head that does not say which generation it was: all that have bodies go. */
  addAll(shard: string): void {
    if (this.#hasBodies(shard)) this.add(shard, 0);
    let next = bodiesOwner(shard, 1).slice(0, -1);
    const end = Buffer.from(`${next}\xff`);
    for (;;) {
      const [key] = this.#ranges.keys('blobs', { start: Buffer.from(next), end, limit: 1 }).keys;
      if (!key) return;
      const owner = ownerOf(key);
      this.add(shard, parseBodiesOwner(owner).generation);
      next = `${owner}\x01`;
    }
  }

  #hasBodies(owner: string): boolean {
    const { keys, isWhole } = this.#ranges.keys('blobs', { ...ownedRange(owner), limit: 1 });
    return keys.length > 0 || !isWhole;
  }

  #note(shard: string, generation: number): void {
    this.#noted.set(shard, (this.#noted.get(shard) ?? new Set()).add(generation));
  }

  #forget(shard: string, generation: number): void {
    const noted = this.#noted.get(shard);
    noted?.delete(generation);
    if (noted?.size === 0) this.#noted.delete(shard);
  }

  /** The first of what is noted that nothing keeps. */
  #first(): { readonly shard: string; readonly generation: number; readonly owner: string } | undefined {
    for (const [shard, generations] of this.#noted) {
      for (const generation of generations) {
        const owner = bodiesOwner(shard, generation);
        if (!this.#kept.has(owner)) return { shard, generation, owner };
      }
    }
    return undefined;
  }

  /** One step at a time. A write that fails ends the store, and this with it. */
  #later(): void {
    if (this.#timer || this.#isStopped || !this.#first()) return;
    this.#timer = setTimeout(async () => {
      await this.#step().catch(() => this.stop());
      this.#timer = undefined;
      this.#later();
    }, REST_MS).unref();
  }

  async #step(): Promise<void> {
    // The last bodies may not be on the disk yet, nor what the step before took away.
    await this.#writes.durable();
    const first = this.#first();
    if (!first || this.#isStopped) return;
    const { shard, generation, owner } = first;
    const { keys, isWhole } = this.#ranges.keysToRemove('blobs', { ...ownedRange(owner), limit: STEP_KEYS });
    if (!isWhole) {
      this.#kept.add(owner);
      this.#onDamage(damagedPart({ shard }));
      return;
    }
    for (const key of keys) this.#writes.remove('blobs', key.toString());
    if (keys.length === STEP_KEYS) return;
    this.#writes.remove('graves', owner);
    this.#forget(shard, generation);
  }
}
