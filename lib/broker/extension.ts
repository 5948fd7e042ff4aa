import { isExtended } from '../shard/extension.ts';
import { decodePage, endOf, type Reference } from '../shard/reference.ts';
import type { Extension as Progress } from '../shard/state.ts';
import { appendIfThere } from './inbox.ts';
import { leadLater } from './lead.ts';
import type { Broker } from './parts.ts';
import { stateOfHead } from './shards.ts';

/**
 * Puts off the expiry of all that the shard still needs: a message that waits for long is never taken by the expiry
 * that removes consumed ones. A long backlog takes longer than an invocation lasts: now and then the state is told how
 * far this came, so that another one goes on from there.
 * @param begun what was done of it before
 */
export async function extendBodies(broker: Broker, shard: string, begun: Progress): Promise<void> {
  const head = await broker.store.readHead(shard);
  if (!head) return;
  const { held, references } = stateOfHead(head);
  const due = [...held, ...references].filter(({ born }) => isExtended(born, begun.born, broker.limits));
  const extension = new Extension(broker, shard, begun);
  let isDone = false;
  try {
    await extension.extend(due);
    isDone = true;
  } finally {
    await extension.note({ ring: isDone });
  }
}

class Extension {
  readonly #broker: Broker;
  readonly #shard: string;
  readonly #begun: Progress;
  readonly #expiresAt: number;
  /** How many items one says nothing of: as many as two levels of pages hold. */
  readonly #itemsPerNote: number;
  #items = 0;
  #upTo = 0;

  constructor(broker: Broker, shard: string, begun: Progress) {
    const { clock, limits } = broker;
    this.#broker = broker;
    this.#shard = shard;
    this.#begun = begun;
    this.#expiresAt = Math.floor((clock.now() + limits.retentionMs) / 1000);
    this.#itemsPerNote = limits.referencesPerLevel ** 2;
  }

  /** In the order of their sequences. */
  async extend(references: readonly Reference[]): Promise<void> {
    const parts = partsOf(references);
    for (const [at, part] of parts.entries()) {
      const [first] = part as [Reference];
      await this.#extendItems(part);
      if (first.level > 0) await this.#extendPage(first);
      // What is held of a batch may reach into what a page lists of it.
      const open = parts[at + 1]?.[0]?.first ?? Number.POSITIVE_INFINITY;
      this.#upTo = Math.max(this.#upTo, Math.min(endOf(part.at(-1) ?? first), open));
      if (this.#items >= this.#itemsPerNote) await this.note({ ring: false });
    }
  }

  async #extendItems(part: readonly Reference[]): Promise<void> {
    const keys = part.map(({ key }) => key);
    await this.#broker.store.extendBlobs(this.#shard, keys, this.#expiresAt);
    this.#items += keys.length;
  }

  async #extendPage({ key }: Reference): Promise<void> {
    const bytes = (await this.#broker.store.getBlobs(this.#shard, [key])).get(key);
    // A page that was drawn since the head was read is gone with all that it listed.
    if (!bytes) return;
    await this.extend(decodePage(key, bytes).filter((child) => endOf(child) > this.#begun.upTo));
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
