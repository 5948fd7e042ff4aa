import { decodePage, type Reference } from '../../../lib/shard/state/reference.ts';
import type { Store } from '../../../lib/store/port.ts';
import { must } from './violation.ts';

/** The pages of one shard, each read when a state first names it. */
export class Pages {
  readonly #store: Pick<Store, 'getBlobs'>;
  readonly #shard: string;
  readonly #pages = new Map<string, readonly Reference[]>();

  constructor(store: Pick<Store, 'getBlobs'>, shard: string) {
    this.#store = store;
    this.#shard = shard;
  }

  async read(references: readonly Reference[]): Promise<void> {
    const unread = references.filter(({ level, key }) => level > 0 && !this.#pages.has(key)).map(({ key }) => key);
    if (unread.length > 0) {
      const found = await this.#store.getBlobs(this.#shard, unread);
      for (const key of unread) {
        const bytes = found.get(key);
        must(bytes !== undefined, 'a page that is named is there', this.#shard, key);
        this.#pages.set(key, decodePage(key, bytes));
      }
    }
    for (const { level, key } of references) if (level > 0) await this.read(this.of(key));
  }

  readonly of = (key: string): readonly Reference[] => this.#pages.get(key) ?? [];

  /** The keys of all pages that these references lead to. */
  *keys(references: readonly Reference[]): Generator<string> {
    for (const { level, key } of references) {
      if (level === 0) continue;
      yield key;
      yield* this.keys(this.of(key));
    }
  }
}
