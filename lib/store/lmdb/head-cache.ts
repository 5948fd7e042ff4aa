import type { Head } from '../port.ts';
import type { Watchers } from '../watchers.ts';
import type { Tables } from './database.ts';
import type { Slot } from './group.ts';
import { decodeHead } from './head-codec.ts';

/** Heads that stay in memory; beyond, the one that came first goes, unless it is in use. */
const HELD_HEADS = 20_000;

/** The heads, in memory from their first use on: this process is the only one that writes them. */
export class HeadCache {
  readonly #tables: Tables;
  readonly #watchers: Watchers;
  readonly #slots = new Map<string, Slot>();

  constructor(tables: Tables, watchers: Watchers) {
    this.#tables = tables;
    this.#watchers = watchers;
  }

  /** @throws BrokerError CORRUPT if the stored head cannot be read. */
  slot(shard: string): Slot {
    return this.#slots.get(shard) ?? this.#load(shard);
  }

  #load(shard: string): Slot {
    if (this.#slots.size >= HELD_HEADS) this.#evictOne();
    const head = this.#read(shard);
    const slot = { shard, head, indexed: head?.due ?? 0, group: undefined };
    this.#slots.set(shard, slot);
    return slot;
  }

  #read(shard: string): Head | undefined {
    const bytes = this.#tables.heads.getBinary(Buffer.from(shard));
    return bytes && decodeHead(shard, bytes);
  }

  #evictOne(): void {
    for (const [shard, slot] of this.#slots) {
      if (slot.group || this.#watchers.has(shard)) continue;
      this.#slots.delete(shard);
      return;
    }
  }
}
