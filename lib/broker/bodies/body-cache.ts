import type { Message } from '../../model/message.ts';
import type { Reference } from '../../shard/state/reference.ts';

type Page = readonly Reference[];
type Batch = readonly Message[];
type Cached = { readonly page: Page; readonly batch?: never } | { readonly batch: Batch; readonly page?: never };

/** What the objects take besides their octets, roughly: an entry, and each message or reference in it. */
const ENTRY_BYTES = 256;
const ELEMENT_BYTES = 256;

/** Pages and batches that were read or written lately. They never change, so that a copy is as good as the item. */
export class BodyCache {
  readonly #held = new Map<string, { readonly cached: Cached; readonly bytes: number }>();
  readonly #capacity: number;
  #bytes = 0;

  /** @param capacity how many octets of memory it may hold */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get(shard: string, key: string): Cached | undefined {
    return this.#held.get(`${shard} ${key}`)?.cached;
  }

  /** @param octets what its bodies and headers keep in memory: nothing but themselves, see `ownBodies` */
  put(shard: string, key: string, cached: Cached, octets: number): void {
    const id = `${shard} ${key}`;
    if (this.#held.has(id)) return;
    const elements = cached.page ?? cached.batch;
    const bytes = octets + ENTRY_BYTES + ELEMENT_BYTES * elements.length;
    this.#held.set(id, { cached, bytes });
    this.#bytes += bytes;
    if (this.#bytes > this.#capacity) this.#makeRoom();
  }

  drop(shard: string, keys: readonly string[]): void {
    for (const key of keys) this.#forget(`${shard} ${key}`);
  }

  #makeRoom(): void {
    for (const oldest of this.#held.keys()) {
      if (this.#bytes <= this.#capacity) return;
      this.#forget(oldest);
    }
  }

  #forget(id: string): void {
    this.#bytes -= this.#held.get(id)?.bytes ?? 0;
    this.#held.delete(id);
  }
}
