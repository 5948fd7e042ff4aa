import { expiryOf, isPersistent } from '../../../lib/model/message.ts';
import { decodeBatch } from '../../../lib/shard/batch.ts';
import { decodeEntry, type Entry } from '../../../lib/shard/entry.ts';
import type { Append, Head } from '../../../lib/store/port.ts';
import { must } from './violation.ts';

type Placed = { readonly sequence: number; readonly origin: string; readonly isDoubtful: boolean };
type Traits = { readonly isTransient: boolean; readonly expires: number };

/** All that was ever appended to one shard, and what of it was absorbed. */
export class Arrivals {
  #appends = 0;
  #lastRing = 0;
  readonly #places = new WeakMap<Uint8Array, number>();
  readonly #absorbed = new Set<string>();
  readonly #waiting = new Set<string>();
  readonly #traits = new Map<string, Traits>();
  readonly #forwards = new Set<string>();
  /** Batches with a message that expires, or did. */
  readonly #expiring = new Set<string>();

  add({ entries, ring, blobs }: Append): void {
    this.#appends++;
    if (ring) this.#lastRing = this.#appends;
    for (const bytes of entries) {
      this.#places.set(bytes, this.#appends);
      const entry = decodeEntry(bytes);
      if (entry.kind === 'send' || entry.kind === 'forward') {
        // A repeat of what was taken needs no body.
        if (!this.#absorbed.has(entry.id)) this.#waiting.add(entry.key);
      }
      if (entry.kind !== 'forward') continue;
      for (const number of entry.numbers) this.#forwards.add(`${entry.source} ${number}`);
    }
    for (const { key, bytes } of blobs) {
      decodeBatch(key, bytes).forEach(({ headers }, index) => {
        const expires = expiryOf(headers);
        this.#traits.set(`${key}-${index}`, { isTransient: !isPersistent(headers), expires });
        if (expires > 0) this.#expiring.add(key);
      });
    }
  }

  /** Gives each new message its number, as the inbox has them; a purge takes what has one before it. */
  absorb(
    entries: readonly Entry[],
    from: number,
    to: number,
    originAt: (sequence: number) => string | undefined,
  ): { readonly placed: readonly Placed[]; readonly purgedBefore: number } {
    const placed: Placed[] = [];
    const known = (name: string) => {
      const isKnown = this.#absorbed.has(name);
      this.#absorbed.add(name);
      return isKnown;
    };
    const all: { readonly origin: string; readonly isRepeat: boolean; readonly isDoubtful: boolean }[] = [];
    let arrivedBeforePurge = -1;
    for (const entry of entries) {
      if (entry.kind === 'send') {
        this.#waiting.delete(entry.key);
        const isRepeat = known(entry.id);
        const count = entry.runs.reduce((sum, run) => sum + run.count, 0);
        for (let i = 0; i < count; i++)
          all.push({ origin: `${entry.key}-${i}`, isRepeat, isDoubtful: entry.attempt > 1 });
      } else if (entry.kind === 'forward') {
        this.#waiting.delete(entry.key);
        entry.numbers.forEach((number, i) => {
          const isRepeat = known(`${entry.source} ${number}`);
          all.push({ origin: `${entry.key}-${i}`, isRepeat, isDoubtful: isRepeat });
        });
      } else if (entry.kind === 'purge') {
        arrivedBeforePurge = all.length;
      }
    }
    let sequence = from;
    let spare = to - from - all.filter(({ isRepeat }) => !isRepeat).length;
    must(spare >= 0, 'an entry is taken once, and none is passed over', from, to, all);
    let purgedBefore = 0;
    for (const [at, { origin, isRepeat, isDoubtful }] of all.entries()) {
      if (at === arrivedBeforePurge) purgedBefore = sequence;
      if (isRepeat && (spare === 0 || (originAt(sequence) ?? origin) !== origin)) continue;
      if (isRepeat) spare--;
      placed.push({ sequence: sequence++, origin, isDoubtful });
    }
    must(sequence === to, 'an entry is taken once', from, to, all);
    return { placed, purgedBefore: all.length === arrivedBeforePurge ? sequence : purgedBefore };
  }

  /** Entries that were there when somebody rang are left, and nobody is called for them. */
  isUnheard({ inbox }: Head): boolean {
    return inbox.some((bytes) => (this.#places.get(bytes) ?? 0) <= this.#lastRing);
  }

  /** Batches that entries in the inbox name. */
  get waiting(): readonly string[] {
    return [...this.#waiting];
  }

  isWaitingFor(key: string): boolean {
    return this.#waiting.has(key);
  }

  isTransient(origin: string): boolean {
    return this.#traits.get(origin)?.isTransient ?? false;
  }

  expiryOf(origin: string): number {
    return this.#traits.get(origin)?.expires ?? 0;
  }

  mayExpire(key: string): boolean {
    return this.#expiring.has(key);
  }

  /** @param source the queue that it came from, after its incarnation */
  hasForward(source: string, sequence: number): boolean {
    return this.#forwards.has(`${source} ${sequence}`);
  }
}
