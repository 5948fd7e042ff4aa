import { BrokerError } from '../../model/errors.ts';
import type { Watchers } from '../watchers.ts';
import { isDamage } from './data-file.ts';
import { type Opened, readOf } from './database.ts';
import type { Slot } from './group.ts';
import { decodeHead } from './head-codec.ts';

/** Heads that stay in memory; beyond, the one that came first goes, unless it is in use. */
const HELD_HEADS = 20_000;

/** The heads, in memory from their first use on: this process is the only one that writes them. */
export class HeadCache {
  readonly #opened: Opened;
  readonly #watchers: Watchers;
  readonly #slots = new Map<string, Slot>();

  constructor(opened: Opened, watchers: Watchers) {
    this.#opened = opened;
    this.#watchers = watchers;
  }

  /** @throws BrokerError CORRUPT if the stored head cannot be read. */
  slot(shard: string): Slot {
    return this.#slots.get(shard) ?? this.#load(shard);
  }

  /**
   * The slot of a head that is to be removed, even if its octets are none of a head.
   * @throws BrokerError CORRUPT if the page in which it lies cannot be read, and so not be changed
   */
  slotToRemove(shard: string): Slot {
    try {
      return this.slot(shard);
    } catch (error) {
      if (!(error instanceof BrokerError) || error.code !== 'CORRUPT' || isDamage(error.cause)) throw error;
      const slot = this.#keep(shard, { head: undefined, generation: 0 });
      slot.isUnreadable = true;
      return slot;
    }
  }

  #load(shard: string): Slot {
    return this.#keep(shard, this.#read(shard));
  }

  #keep(shard: string, { head, generation }: Pick<Slot, 'head' | 'generation'>): Slot {
    if (this.#slots.size >= HELD_HEADS) this.#evictOne();
    const slot: Slot = { shard, head, generation, indexed: head?.due ?? 0, group: undefined };
    this.#slots.set(shard, slot);
    return slot;
  }

  #read(shard: string): Pick<Slot, 'head' | 'generation'> {
    const bytes = readOf(this.#opened, { shard }, () => this.#opened.tables.heads.getBinary(Buffer.from(shard)));
    return bytes ? decodeHead(shard, bytes) : { head: undefined, generation: 0 };
  }

  #evictOne(): void {
    for (const [shard, slot] of this.#slots) {
      if (slot.group || this.#watchers.has(shard)) continue;
      this.#slots.delete(shard);
      return;
    }
  }
}
