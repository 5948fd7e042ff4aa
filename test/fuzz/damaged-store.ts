import type { Head, Store } from '../../lib/store/port.ts';

/** What of a shard's stored data is damaged. */
export type DamagedPart = 'state' | 'entry' | 'batch' | 'page';

export type Injury = {
  readonly shard: string;
  readonly part: DamagedPart;
  readonly damage: (bytes: Uint8Array) => Uint8Array;
};

/** Pages are told from batches by how they came to be. */
type Kinds = { readonly pages: ReadonlySet<string> };

/** A store that gives out one part of one shard damaged, until its head is removed; what is written to it is sound. */
export function damagedStore(store: Store, kinds: Kinds, { shard, part, damage: injure }: Injury): Store {
  let isGone = false;
  const damage = (bytes: Uint8Array) => (isGone ? bytes : injure(bytes));
  function hurtHead<H extends Head | undefined>(head: H): H {
    if (head?.shard !== shard) return head;
    const [first, ...rest] = head.inbox;
    if (part === 'state' && head.state) return { ...head, state: damage(head.state) };
    if (part === 'entry' && first) return { ...head, inbox: [damage(first), ...rest] };
    return head;
  }
  const hurt = <O extends { readonly head: Head | undefined }>(outcome: O): O => {
    return { ...outcome, head: hurtHead(outcome.head) };
  };
  return {
    bodiesExpire: store.bodiesExpire,
    append: async (name, append) => hurt(await store.append(name, append)),
    commit: async (name, commit) => hurt(await store.commit(name, commit)),
    steal: async (name, steal) => hurt(await store.steal(name, steal)),
    readHead: async (name) => hurtHead(await store.readHead(name)),
    async getBlobs(name, keys) {
      const found = await store.getBlobs(name, keys);
      if (name !== shard || (part !== 'batch' && part !== 'page')) return found;
      const isHurt = (key: string) => kinds.pages.has(key) === (part === 'page');
      return new Map([...found].map(([key, bytes]) => [key, isHurt(key) ? damage(bytes) : bytes]));
    },
    // The head that was given out is never the one that is kept: a wait would end at once.
    awaitChange: async (name, _seen, timeoutMs, signal) => {
      await store.awaitChange(name, await store.readHead(name), timeoutMs, signal);
    },
    async removeHead(name, rings) {
      const isRemoved = await store.removeHead(name, rings);
      isGone ||= isRemoved && name === shard;
      return isRemoved;
    },
    keepBlobs: (name, keys, expiresAt) => store.keepBlobs(name, keys, expiresAt),
    due: (minute, limit) => store.due(minute, limit),
    clearDue: (due, rings) => store.clearDue(due, rings),
    putRecord: (key, value, options) => store.putRecord(key, value, options),
    getRecord: (key) => store.getRecord(key),
    deleteRecord: (key) => store.deleteRecord(key),
    listRecords: (family, after, limit) => store.listRecords(family, after, limit),
    close: () => store.close(),
  };
}

/** A store that remembers which blobs came with a commit: those are pages. */
export function rememberingPages(store: Store): { readonly store: Store; readonly pages: ReadonlySet<string> } {
  const pages = new Set<string>();
  const { commit } = store;
  store.commit = (shard, committed) => {
    for (const { key } of committed.blobs) pages.add(key);
    return commit.call(store, shard, committed);
  };
  return { store, pages };
}
