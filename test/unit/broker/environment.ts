import {
  type Environment,
  type EnvironmentParts,
  setUp,
  systemClock,
  systemRandom,
} from '../../../lib/handlers/environment.ts';
import { cloudLimits } from '../../../lib/model/limits.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Store } from '../../../lib/store/port.ts';

/**
 * What a cloud broker's handlers are made from, on this store. Unless `parts` say otherwise, its push takes everything,
 * and its clock is the machine's.
 */
export function environmentOn(store: Store, parts: Partial<EnvironmentParts> = {}): Environment {
  return setUp({
    store,
    push: { post: async () => 'sent', close: async () => {}, isOpen: async () => true },
    clock: systemClock,
    random: systemRandom(),
    limits: cloudLimits,
    log: () => {},
    dispatch: async () => {},
    wakeAt: () => {},
    endsWithReply: true,
    ...parts,
  });
}

/** A store in memory of which some verbs are others, or are not there. */
export function storeWith(verbs: (inner: MemoryStore) => { [Verb in keyof Store]?: Store[Verb] | undefined }): Store {
  const inner = new MemoryStore();
  const given = verbs(inner);
  // What is appended at once would pass by another `append`.
  const others = 'append' in given ? { appendAll: undefined, ...given } : given;
  return new Proxy(inner, {
    get(target: Store, name: keyof Store) {
      const verb = name in others ? others[name] : target[name];
      return typeof verb === 'function' ? verb.bind(target) : verb;
    },
  });
}

export function textMessage(text: string) {
  return { body: Buffer.from(text), text: true, headers: {} };
}
