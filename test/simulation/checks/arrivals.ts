import { expiryOf, type Headers, isPersistent } from '../../../lib/model/message.ts';
import { decodeBatch } from '../../../lib/shard/codec/batch.ts';
import { batchKeysOf, decodeEntry, type Entry } from '../../../lib/shard/codec/entry.ts';
import { total } from '../../../lib/shard/state/draft.ts';
import type { Append, Head } from '../../../lib/store/port.ts';
import { idOf } from '../bodies.ts';
import { must } from './violation.ts';

type Arrived = {
  readonly origin: string;
  readonly isRepeat: boolean;
  /** It may be flagged. */
  readonly isDoubtful: boolean;
  /** A forward that was taken before, by this shard or by a deleted one of its name. */
  readonly isTakenAgain: boolean;
};
type Placed = Arrived & { readonly sequence: number };
type Traits = { readonly isTransient: boolean; readonly expires: number; readonly bodyBytes: number };

/** What shards of a name ever had, deleted ones too. */
export type Ever = {
  /** What they took from others, by source and number. */
  readonly taken: Set<string>;
  /** What was forwarded to them, by queue and message id. */
  readonly forwarded: Set<string>;
};

/** As many sources a shard remembers. */
const SOURCES_MAX = 8;

/** All that was ever appended to one shard, and what of it was absorbed. */
export class Arrivals {
  #appends = 0;
  #lastRing = 0;
  #pulls = 0;
  readonly #places = new WeakMap<Uint8Array, number>();
  /** Entries by id and attempt. */
  readonly #attempts = new Set<string>();
  readonly #absorbed = new Set<string>();
  readonly #waiting = new Set<string>();
  readonly #traits = new Map<string, Traits>();
  /** Which message each forward number of a source is. */
  readonly #forwards = new Map<string, string>();
  readonly #ever: Ever;
  /** Sources by the number of the first message that this shard took, and those that may have given some before. */
  readonly #firstOf = new Map<string, number>();
  readonly #anew = new Set<string>();
  /** Batches with a message that expires, or did. */
  readonly #expiring = new Set<string>();

  constructor(ever: Ever) {
    this.#ever = ever;
  }

  add({ entries, ring, blobs }: Append): void {
    this.#appends++;
    if (ring) this.#lastRing = this.#appends;
    for (const bytes of entries) {
      this.#places.set(bytes, this.#appends);
      const entry = decodeEntry(bytes);
      const attempt = `${entry.id} ${entry.attempt}`;
      must(!this.#attempts.has(attempt), 'what is appended again says so', entry);
      this.#attempts.add(attempt);
      if (entry.kind === 'receive' && entry.attempt === 1) this.#pulls++;
      // A repeat of what was taken needs no body.
      if (!this.#absorbed.has(entry.id)) for (const key of batchKeysOf(entry)) this.#waiting.add(key);
      const brought = entry.kind === 'forward' && blobs.find(({ key }) => key === entry.key);
      if (brought) this.#forward(entry, brought.bytes);
    }
    for (const { key, bytes } of blobs) {
      decodeBatch(key, bytes).forEach(({ headers, body }, index) => {
        const expires = expiryOf(headers);
        this.#traits.set(`${key}-${index}`, {
          isTransient: !isPersistent(headers),
          expires,
          bodyBytes: body.byteLength,
        });
        if (expires > 0) this.#expiring.add(key);
      });
    }
  }

  #forward({ key, source, numbers }: Entry & { kind: 'forward' }, bytes: Uint8Array): void {
    decodeBatch(key, bytes).forEach(({ headers, body }, i) => {
      const name = `${source} ${numbers[i]}`;
      const message = isOnward(source) ? idOf(body) : forwardName(headers);
      must((this.#forwards.get(name) ?? message) === message, 'a forward number is that of one message', name, message);
      this.#forwards.set(name, message);
      this.#ever.forwarded.add(message);
    });
  }

  /** Whether a shard cannot know that a forward is new: it does not know the source, or forgot one. */
  #isUntold({ source, attempt }: Entry & { kind: 'forward' }, number: number): boolean {
    const first = this.#firstOf.get(source);
    if (first === undefined) {
      this.#firstOf.set(source, number);
      if (attempt > 1) this.#anew.add(source);
    }
    const mayBeForgotten = this.#firstOf.size > SOURCES_MAX;
    return mayBeForgotten || number < (first ?? number) || (attempt > 1 && this.#anew.has(source));
  }

  /** Gives each new message its number, as the inbox has them; a purge takes what has one before it. */
  absorb(
    entries: readonly Entry[],
    isCommitted: (entry: Entry) => boolean,
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
    const all: Arrived[] = [];
    // What hangs on deliveries is decided once all else has come.
    const decided: Arrived[] = [];
    let arrivedBeforePurge = -1;
    for (const entry of entries) {
      if (entry.kind === 'transact') {
        for (const key of batchKeysOf(entry)) this.#waiting.delete(key);
        const isRepeat = known(entry.id);
        if (isRepeat || !isCommitted(entry)) continue;
        const past = { isRepeat, isDoubtful: false, isTakenAgain: false };
        for (const { key, runs } of entry.own) {
          const origins = Array.from({ length: total(runs) }, (_, i) => ({ origin: `${key}-${i}`, ...past }));
          (entry.settles.length > 0 ? decided : all).push(...origins);
        }
      } else if (entry.kind === 'send') {
        this.#waiting.delete(entry.key);
        const isRepeat = known(entry.id);
        const count = entry.runs.reduce((sum, run) => sum + run.count, 0);
        const past = { isRepeat, isDoubtful: entry.attempt > 1, isTakenAgain: false };
        for (let i = 0; i < count; i++) all.push({ origin: `${entry.key}-${i}`, ...past });
      } else if (entry.kind === 'forward') {
        this.#waiting.delete(entry.key);
        entry.numbers.forEach((number, i) => {
          const name = `${entry.source} ${number}`;
          const isTakenAgain = this.#ever.taken.has(name);
          this.#ever.taken.add(name);
          const isDoubtful = this.#isUntold(entry, number) || isTakenAgain;
          all.push({ origin: `${entry.key}-${i}`, isRepeat: known(name), isDoubtful, isTakenAgain });
        });
      } else if (entry.kind === 'purge') {
        arrivedBeforePurge = all.length;
      }
    }
    all.push(...decided);
    let sequence = from;
    let spare = to - from - all.filter(({ isRepeat }) => !isRepeat).length;
    must(spare >= 0, 'an entry is taken once, and none is passed over', from, to, all);
    let purgedBefore = 0;
    for (const [at, arrived] of all.entries()) {
      const { origin, isRepeat } = arrived;
      if (at === arrivedBeforePurge) purgedBefore = sequence;
      if (isRepeat && (spare === 0 || (originAt(sequence) ?? origin) !== origin)) continue;
      if (isRepeat) spare--;
      placed.push({ ...arrived, sequence: sequence++ });
    }
    must(sequence === to, 'an entry is taken once', from, to, all);
    return { placed, purgedBefore: all.length === arrivedBeforePurge ? sequence : purgedBefore };
  }

  /** Entries that were there when somebody rang are left, and nobody is called for them. */
  isUnheard({ inbox }: Head): boolean {
    return inbox.some((bytes) => (this.#places.get(bytes) ?? 0) <= this.#lastRing);
  }

  /** How many pulls were put into the inbox. */
  get pulls(): number {
    return this.#pulls;
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

  bodyBytesOf(origin: string): number {
    return this.#traits.get(origin)?.bodyBytes ?? 0;
  }

  mayExpire(key: string): boolean {
    return this.#expiring.has(key);
  }

  /** @param shard where the message came from, with its id there */
  hasForward(shard: string, origin: string): boolean {
    return this.#ever.forwarded.has(`${shard} ${origin}`);
  }
}

/** Whether a source is what transactions of a shard send on. */
export function isOnward(source: string): boolean {
  return source.endsWith('|');
}

/** A dead letter by the queue that it came from, and its id there. */
export function forwardName(headers: Headers): string {
  return `${headers['original-destination']} ${headers['original-message-id']}`;
}
