import type { Message } from '../../model/message.ts';
import { decodeBatch } from '../../shard/codec/batch.ts';
import type { Lookup, Needs } from '../../shard/state/draft.ts';
import { decodePage, type Reference } from '../../shard/state/reference.ts';
import { ownBytes } from '../../store/own-bytes.ts';
import type { Broker } from '../broker.ts';
import { readStored } from '../quarantine.ts';

type Page = readonly Reference[];
type Batch = readonly Message[];

/** What one decision has read: what is found stays found until it is made, whatever the cache forgets. */
export class Reading {
  readonly #broker: Broker;
  readonly #shard: string;
  readonly #pages = new Map<string, Page | null>();
  readonly #batches = new Map<string, Batch | null>();
  readonly lookup: Lookup;

  constructor(broker: Broker, shard: string) {
    this.#broker = broker;
    this.#shard = shard;
    this.lookup = {
      page: (key) => this.#pages.get(key) ?? broker.bodies.get(shard, key)?.page ?? this.#missing(this.#pages, key),
      batch: (key) =>
        this.#batches.get(key) ?? broker.bodies.get(shard, key)?.batch ?? this.#missing(this.#batches, key),
    };
  }

  /** False if something that was asked for does not exist. */
  get hasAll(): boolean {
    return ![...this.#pages.values(), ...this.#batches.values()].includes(null);
  }

  #missing(read: ReadonlyMap<string, unknown>, key: string): null | undefined {
    return read.has(key) ? null : undefined;
  }

  /** Reads what a decision asks for. */
  async fetch(needs: Needs): Promise<void> {
    const found = await this.#broker.store.getBlobs(this.#shard, [...needs.pages, ...needs.batches]);
    for (const key of needs.pages) {
      const bytes = found.get(key);
      const page = bytes ? readStored(this.#shard, () => decodePage(key, bytes)) : null;
      this.#pages.set(key, page);
      if (bytes && page) this.#broker.bodies.put(this.#shard, key, { page }, bytes.byteLength);
    }
    for (const key of needs.batches) {
      const stored = found.get(key);
      const bytes = stored && ownBytes(stored);
      const batch = bytes ? readStored(this.#shard, () => decodeBatch(key, bytes)) : null;
      this.#batches.set(key, batch);
      if (bytes && batch) this.#broker.bodies.put(this.#shard, key, { batch }, bytes.buffer.byteLength);
    }
  }

  /** Repeats a decision until it has what it needs. */
  async decide<D extends { readonly kind: string }>(decision: (lookup: Lookup) => D | Needs): Promise<D> {
    for (;;) {
      const decided = decision(this.lookup);
      if (!isNeeds(decided)) return decided;
      await this.fetch(decided);
    }
  }
}

function isNeeds(value: { readonly kind: string }): value is Needs {
  return value.kind === 'needs';
}
