import { isDueToKeep } from '../../shard/conclude/keep-alive.ts';
import { endOf } from '../../shard/state/ranges.ts';
import { decodePage, type Reference } from '../../shard/state/reference.ts';
import { type KeepAlive, roots, type State } from '../../shard/state/state.ts';
import type { Broker } from '../broker.ts';
import { isWorthRetrying } from '../inbox/append.ts';
import { backOff } from '../inbox/leases.ts';
import { appendIfThere, leadLater } from '../requests.ts';
import { stateOfHead } from '../shards.ts';

/** How often one invocation looks again when a master was faster than it. */
const LOOKS = 16;
/** How many items are written at the same time. */
const AT_ONCE = 16;
/** How often an item is tried that the store puts off. */
const TRIES = 6;
/** After this, what was reached is said: an invocation that is slow may end at any time. */
const NOTE_MS = 5000;

/**
 * Puts off the expiry of all that the shard still needs: a message that waits for long is never taken by the expiry
 * that removes consumed ones. A long backlog takes longer than an invocation lasts: now and then, and when it is cut
 * short, the state is told how far this came without a gap, so that another one goes on from there.
 * @param begun what was done of it before
 * @throws what the store throws, after it was tried for a while
 */
export async function keepAlive(broker: Broker, shard: string, begun: KeepAlive): Promise<void> {
  const keeping = new Keeping(broker, shard, begun);
  let isDone = false;
  try {
    for (let looks = 0; !isDone && looks < LOOKS; looks++) isDone = await keeping.goOn();
  } finally {
    await keeping.note({ ring: isDone });
  }
}

class Keeping {
  readonly #broker: Broker;
  readonly #shard: string;
  readonly #begun: KeepAlive;
  readonly #expiresAt: number;
  /** How many items one says nothing of: as many as two levels of pages hold. */
  readonly #itemsPerNote: number;
  #notedAt: number;
  /** What was kept since the last note: several references may name one item. */
  readonly #kept = new Map<string, Promise<void>>();
  #upTo: number;
  /** What was sent onward under lower numbers is done. */
  #onward = 0;
  /** Pages that were not there when they were to be read. */
  readonly #missing = new Set<string>();

  constructor(broker: Broker, shard: string, begun: KeepAlive) {
    const { clock, limits } = broker;
    this.#broker = broker;
    this.#shard = shard;
    this.#begun = begun;
    this.#upTo = begun.upTo;
    this.#notedAt = clock.now();
    this.#expiresAt = Math.floor((clock.now() + limits.retentionMs) / 1000);
    this.#itemsPerNote = limits.referencesPerLevel ** 2;
  }

  /** @returns false if a master drew a page that was to be read: what it listed has another place by now */
  async goOn(): Promise<boolean> {
    const { store, limits } = this.#broker;
    const head = await store.readHead(this.#shard);
    if (!head) return true;
    const state = stateOfHead(head);
    await this.#keepOnward(state);
    const due = roots(state).filter(({ born }) => isDueToKeep(born, this.#begun.born, limits));
    const inOrder = due.toSorted((a, b) => a.first - b.first);
    return await this.#keepAll(this.#left(inOrder), Number.POSITIVE_INFINITY);
  }

  /** What transactions sent on: it has no sequence, and is never so much that it would take long. */
  async #keepOnward({ onward, nextOnward }: State): Promise<void> {
    const due = onward.filter(({ born }) => isDueToKeep(born, this.#begun.born, this.#broker.limits));
    for (const { key } of due) await this.#keepItemOnce(key);
    this.#onward = nextOnward;
  }

  #left(references: readonly Reference[]): readonly Reference[] {
    return references.filter((reference) => endOf(reference) > this.#upTo);
  }

  /**
   * In the order of their sequences.
   * @param end the sequence from which on there is more to keep
   */
  async #keepAll(references: readonly Reference[], end: number): Promise<boolean> {
    const parts = partsOf(references);
    for (const [at, part] of parts.entries()) {
      // What is held of a batch may reach into what a page lists of it.
      const open = Math.min(end, parts[at + 1]?.[0]?.first ?? end);
      await this.#keepItems(part, open);
      const [first] = part;
      if (first.level > 0 && !(await this.#keepPage(first, open))) return false;
      this.#reach(endOf(part.at(-1) ?? first), open);
      const isTime = this.#broker.clock.now() - this.#notedAt >= NOTE_MS;
      if (isTime || this.#kept.size >= this.#itemsPerNote) await this.note({ ring: false });
    }
    return true;
  }

  #reach(sequence: number, open: number): void {
    this.#upTo = Math.max(this.#upTo, Math.min(sequence, open));
  }

  /** What is done before the first that fails is done, whatever becomes of those behind it. */
  async #keepItems(part: Part, open: number): Promise<void> {
    const outcomes = await Promise.allSettled(part.map(({ key }) => this.#keepItemOnce(key)));
    const failed = outcomes.findIndex(({ status }) => status === 'rejected');
    const outcome = outcomes[failed];
    if (outcome?.status !== 'rejected') return;
    this.#reach(part[failed]?.first ?? 0, open);
    throw outcome.reason;
  }

  #keepItemOnce(key: string): Promise<void> {
    const keeping = this.#kept.get(key) ?? this.#keepItem(key);
    this.#kept.set(key, keeping);
    return keeping;
  }

  /** An item of which there is no answer counts as one that expires when it would have. */
  async #keepItem(key: string): Promise<void> {
    for (let tries = 0; ; tries++) {
      try {
        return await this.#broker.store.keepBlobs(this.#shard, [key], this.#expiresAt);
      } catch (error) {
        if (!isWorthRetrying(error) || tries + 1 >= TRIES) throw error;
        await backOff(this.#broker, tries);
      }
    }
  }

  async #keepPage({ key }: Reference, open: number): Promise<boolean> {
    const bytes = (await this.#broker.store.getBlobs(this.#shard, [key])).get(key);
    if (bytes) return await this.#keepAll(this.#left(decodePage(key, bytes)), open);
    // One that is still named at the second look is lost, and must not stop the rest.
    const isLost = this.#missing.has(key);
    this.#missing.add(key);
    return isLost;
  }

  /** @param ring true when all is done; else whoever takes the next turn sees it */
  async note({ ring }: { readonly ring: boolean }): Promise<void> {
    if (this.#upTo === 0 && this.#onward <= 1) return;
    const { clock, random } = this.#broker;
    this.#kept.clear();
    this.#notedAt = clock.now();
    const seen = Math.floor(clock.now() / 1000);
    const onward = this.#onward > 1 ? { onward: this.#onward } : {};
    const request = { kind: 'kept-alive', upTo: this.#upTo, born: this.#begun.born, seen, ...onward } as const;
    const appended = await appendIfThere(this.#broker, this.#shard, [{ id: random.id(), request }], { ring });
    leadLater(this.#broker, appended?.mastership);
  }
}

type Part = readonly [Reference, ...Reference[]];

/** Batches together, as many as are written at the same time; each page by itself: it may lead to many items. */
function partsOf(references: readonly Reference[]): readonly Part[] {
  const parts: [Reference, ...Reference[]][] = [];
  for (const reference of references) {
    const last = parts.at(-1);
    const isBatch = last?.[0].level === 0 && reference.level === 0;
    if (last && isBatch && last.length < AT_ONCE) last.push(reference);
    else parts.push([reference]);
  }
  return parts;
}
