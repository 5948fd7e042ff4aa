import { type Limits, localLimits } from '../../lib/model/limits.ts';
import { decodeEntry, type Entry, encodeEntry, type Request } from '../../lib/shard/codec/entry.ts';
import { decodePage, type Reference } from '../../lib/shard/state/reference.ts';
import { emptyState, type State } from '../../lib/shard/state/state.ts';
import type { Bounds } from './shard-commands.ts';
import { Deliveries, type History, type Standing } from './shard-ledger.ts';
import { Transactions } from './shard-transactions.ts';

/** The first process. */
export const FIRST_EPOCH = 'e1';

/** One shard, its inbox and its items, the time, and what happened so far: there whoever comes and whoever dies. */
export class World {
  readonly limits: Limits;
  readonly bodiesExpire: boolean;
  /** Milliseconds since the epoch. */
  now = 1_700_000_000_000;
  /** Which process there is, from `e1`: connections of those before it are dead. */
  epoch = FIRST_EPOCH;
  state: State = emptyState('incarn');
  /** Every message of the state that is not done, on its own. */
  standings: ReadonlyMap<number, Standing> = new Map();
  #inbox: Uint8Array[] = [];
  readonly #items = new Map<string, Uint8Array>();
  readonly #discarded = new Set<string>();
  /** All entries that were ever appended, in their order. */
  readonly log: Entry[] = [];
  /** How many requests there were; an entry that was appended again is none. */
  requests = 0;
  /** A page has listed what may be a second copy: for as long, what is used up is left to its expiry. */
  hadCopies = false;
  readonly history: History = {
    sent: new Map(),
    deliveries: new Deliveries(),
    handed: new Set(),
    touched: new Set(),
    over: new Set(),
    unheard: new Set(),
    latest: new Map(),
    appendedAt: new Map(),
    refused: new Set(),
    forwarded: new Map(),
    transactions: new Transactions(),
  };

  constructor({ bodiesExpire, ...limits }: Bounds) {
    this.limits = { ...localLimits, ...limits };
    this.bodiesExpire = bodiesExpire;
  }

  restart(): void {
    this.epoch = `e${Number(this.epoch.slice(1)) + 1}`;
  }

  /** Puts a request into the inbox. @returns the id of its entry */
  append(request: Request, attempt = 1): string {
    const id = `${String(++this.requests).padStart(8, '0')}-of-this`;
    this.put({ id, attempt, ...request } as Entry);
    return id;
  }

  put(entry: Entry): void {
    if (!this.history.appendedAt.has(entry.id)) this.history.appendedAt.set(entry.id, this.log.length);
    this.log.push(entry);
    this.#inbox.push(encodeEntry(entry));
  }

  get inboxCount(): number {
    return this.#inbox.length;
  }

  /** The first entries of the inbox. */
  entries(count: number): Entry[] {
    return this.#inbox.slice(0, count).map(decodeEntry);
  }

  /** Takes the first entries out of the inbox. */
  remove(count: number): void {
    this.#inbox = this.#inbox.slice(count);
  }

  /** The keys of all items. */
  get keys(): string[] {
    return [...this.#items.keys()];
  }

  /** Puts an item. @throws Error if its key is taken */
  write(key: string, bytes: Uint8Array): void {
    if (this.#items.has(key)) throw new Error(`${key} exists already`);
    this.#items.set(key, bytes);
  }

  /** @throws Error if there is no such item */
  read(key: string): Uint8Array {
    const bytes = this.#items.get(key);
    if (!bytes)
      throw new Error(`${key} is needed, and ${this.#discarded.has(key) ? 'discarded' : 'was never written'}`);
    return Uint8Array.from(bytes);
  }

  page(key: string): readonly Reference[] {
    return decodePage(key, this.read(key));
  }

  discard(key: string): void {
    this.#items.delete(key);
    this.#discarded.add(key);
  }
}
