import { type Bench, type Parts, setUp, systemClock, systemRandom } from '../../../lib/handlers/parts.ts';
import { cloudLimits } from '../../../lib/model/limits.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Store } from '../../../lib/store/port.ts';

/**
 * What a cloud broker's handlers are made from, on this store. Unless `parts` say otherwise, its push takes everything,
 * and its clock is the machine's.
 */
export function benchOn(store: Store, parts: Partial<Parts> = {}): Bench {
  return setUp({
    store,
    push: { post: async () => 'sent', close: async () => {}, isOpen: async () => true },
    clock: systemClock,
    random: systemRandom(),
    limits: cloudLimits,
    log: () => {},
    dispatch: async () => {},
    alarm: () => {},
    endsWithReply: true,
    ...parts,
  });
}

/** A store in memory of which some verbs are others. */
export function storeWith(verbs: (inner: MemoryStore) => Partial<Store>): Store {
  const inner = new MemoryStore();
  const others = verbs(inner);
  return new Proxy(inner, {
    get(target, name: keyof Store) {
      const verb = others[name] ?? target[name];
      return verb.bind(target);
    },
  });
}

export function textMessage(text: string) {
  return { body: Buffer.from(text), text: true, headers: {} };
}
