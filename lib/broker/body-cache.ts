import type { Message } from '../model/message.ts';
import type { Reference } from '../shard/reference.ts';

type Page = readonly Reference[];
type Batch = readonly Message[];
type Held = { readonly page?: Page; readonly batch?: Batch; readonly bytes: number };

/** Pages and batches that were read or written lately. They never change, so that a copy is as good as the item. */
export class BodyCache {
  readonly #held = new Map<string, Held>();
  readonly #capacity: number;
  #bytes = 0;

  /** @param capacity what it may hold, in octets */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get(shard: string, key: string): Held | undefined {
    return this.#held.get(`${shard} ${key}`);
  }

  put(shard: string, key: string, held: Held): void {
    const id = `${shard} ${key}`;
    if (this.#held.has(id)) return;
    this.#held.set(id, held);
    this.#bytes += held.bytes;
    for (const [oldest, { bytes }] of this.#held) {
      if (this.#bytes <= this.#capacity) break;
      this.#held.delete(oldest);
      this.#bytes -= bytes;
    }
  }

  drop(shard: string, keys: readonly string[]): void {
    for (const key of keys) {
      const id = `${shard} ${key}`;
      this.#bytes -= this.#held.get(id)?.bytes ?? 0;
      this.#held.delete(id);
    }
  }
}
