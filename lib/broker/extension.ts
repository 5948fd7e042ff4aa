import { isExtended } from '../shard/extension.ts';
import { decodePage, endOf, type Reference } from '../shard/reference.ts';
import type { Extension } from '../shard/state.ts';
import { appendIfThere } from './inbox.ts';
import { leadLater } from './lead.ts';
import type { Broker } from './parts.ts';
import { stateOfHead } from './shards.ts';

/** How often one invocation looks again when a master was faster than it. */
const LOOKS = 16;

/**
 * Puts off the expiry of all that the shard still needs: a message that waits for long is never taken by the expiry
 * that removes consumed ones. A long backlog takes longer than an invocation lasts: now and then the state is told how
 * far this came, so that another one goes on from there.
 * @param begun what was done of it before
 */
export async function extendBodies(broker: Broker, shard: string, begun: Extension): Promise<void> {
  const extending = new Extending(broker, shard, begun);
  let isDone = false;
  try {
    for (let looks = 0; !isDone && looks < LOOKS; looks++) isDone = await extending.goOn();
  } finally {
    await extending.note({ ring: isDone });
  }
}

class Extending {
  readonly #broker: Broker;
  readonly #shard: string;
  readonly #begun: Extension;
  readonly #expiresAt: number;
  /** How many items one says nothing of: as many as two levels of pages hold. */
  readonly #itemsPerNote: number;
  #items = 0;
  #upTo: number;
  /** Pages that were not there when they were to be read. */
  readonly #missing = new Set<string>();

  constructor(broker: Broker, shard: string, begun: Extension) {
    const { clock, limits } = broker;
    this.#broker = broker;
    this.#shard = shard;
    this.#begun = begun;
    this.#upTo = begun.upTo;
    this.#expiresAt = Math.floor((clock.now() + limits.retentionMs) / 1000);
    this.#itemsPerNote = limits.referencesPerLevel ** 2;
  }

  /** @returns false if a master drew a page that was to be read: what it listed has another place by now */
  async goOn(): Promise<boolean> {
    const { store, limits } = this.#broker;
    const head = await store.readHead(this.#shard);
    if (!head) return true;
    const { held, references } = stateOfHead(head);
    const due = this.#left([...held, ...references]).filter(({ born }) => isExtended(born, this.#begun.born, limits));
    return await this.#extend(due);
  }

  #left(references: readonly Reference[]): readonly Reference[] {
    return references.filter((reference) => endOf(reference) > this.#upTo);
  }

  /** In the order of their sequences. */
  async #extend(references: readonly Reference[]): Promise<boolean> {
    const parts = partsOf(references);
    for (const [at, part] of parts.entries()) {
      const [first] = part as [Reference];
      await this.#extendItems(part);
      if (first.level > 0 && !(await this.#extendPage(first))) return false;
      // What is held of a batch may reach into what a page lists of it.
      const open = parts[at + 1]?.[0]?.first ?? Number.POSITIVE_INFINITY;
      this.#upTo = Math.max(this.#upTo, Math.min(endOf(part.at(-1) ?? first), open));
      if (this.#items >= this.#itemsPerNote) await this.note({ ring: false });
    }
    return true;
  }

  async #extendItems(part: readonly Reference[]): Promise<void> {
    const keys = part.map(({ key }) => key);
    await this.#broker.store.extendBlobs(this.#shard, keys, this.#expiresAt);
    this.#items += keys.length;
  }

  async #extendPage({ key }: Reference): Promise<boolean> {
    const bytes = (await this.#broker.store.getBlobs(this.#shard, [key])).get(key);
    if (bytes) return await this.#extend(this.#left(decodePage(key, bytes)));
    // One that is still named at the second look is lost, and must not stop the rest.
    const isLost = this.#missing.has(key);
    this.#missing.add(key);
    return isLost;
  }

  /** @param ring true when all is done; else whoever takes the next turn sees it */
  async note({ ring }: { readonly ring: boolean }): Promise<void> {
    if (this.#upTo === 0) return;
    this.#items = 0;
    const { clock, random } = this.#broker;
    const seen = Math.floor(clock.now() / 1000);
    const request = { kind: 'extended', upTo: this.#upTo, born: this.#begun.born, seen } as const;
    const appended = await appendIfThere(this.#broker, this.#shard, [{ id: random.id(), request }], { ring });
    leadLater(this.#broker, appended?.mastership);
  }
}

/** Batches together, each page by itself: it may lead to many items. */
function partsOf(references: readonly Reference[]): readonly (readonly Reference[])[] {
  const parts: Reference[][] = [];
  for (const reference of references) {
    const last = parts.at(-1);
    if (last?.[0]?.level === 0 && reference.level === 0) last.push(reference);
    else parts.push([reference]);
  }
  return parts;
}
