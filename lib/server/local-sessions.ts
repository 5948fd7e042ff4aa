import type { RecordKey, RecordOptions, RecordOutcome, Store } from '../store/port.ts';
import { sameBytes } from '../store/same-bytes.ts';

/** A connection lives in one process and dies with it: what is known of it need not outlive that. */
export function withLocalSessions(store: Store): Store {
  const sessions = new Map<string, Uint8Array>();
  const isSession = (key: RecordKey) => key.family.startsWith('connection ');
  // Which connections end with their credentials: few are ever listed, and a family that is empty is gone.
  const endings = new Map<string, Map<string, Uint8Array>>();
  const isEnding = (family: string) => family.startsWith('session ');
  return {
    append: (shard, append) => store.append(shard, append),
    commit: (shard, commit) => store.commit(shard, commit),
    steal: (shard, steal) => store.steal(shard, steal),
    readHead: (shard) => store.readHead(shard),
    removeHead: (shard, rings) => store.removeHead(shard, rings),
    awaitChange: (shard, seen, timeoutMs) => store.awaitChange(shard, seen, timeoutMs),
    getBlobs: (shard, keys) => store.getBlobs(shard, keys),
    extendBlobs: (shard, keys, expiresAt) => store.extendBlobs(shard, keys, expiresAt),
    transact: (shard, blobs) => store.transact(shard, blobs),
    due: (minute, limit) => store.due(minute, limit),
    settle: (due, rings) => store.settle(due, rings),
    close: () => store.close(),
    async listRecords(family, after, limit) {
      if (!isEnding(family)) return await store.listRecords(family, after, limit);
      const names = [...(endings.get(family)?.keys() ?? [])].filter((name) => name > after).sort();
      return names.slice(0, limit).map((name) => ({ name, value: endings.get(family)?.get(name) ?? new Uint8Array() }));
    },
    async putRecord(key: RecordKey, value: Uint8Array, options: RecordOptions = {}): Promise<RecordOutcome> {
      if (isEnding(key.family)) {
        endings.set(key.family, (endings.get(key.family) ?? new Map()).set(key.name, value));
        return { kind: 'stored' };
      }
      if (!isSession(key)) return await store.putRecord(key, value, options);
      const current = sessions.get(key.family);
      if (options.expected !== undefined && !sameBytes(current, options.expected)) return { kind: 'conflict', current };
      sessions.set(key.family, value);
      return { kind: 'stored' };
    },
    async getRecord(key) {
      return isSession(key) ? sessions.get(key.family) : await store.getRecord(key);
    },
    async deleteRecord(key) {
      const family = endings.get(key.family);
      family?.delete(key.name);
      if (family?.size === 0) endings.delete(key.family);
      if (isSession(key)) sessions.delete(key.family);
      else if (!isEnding(key.family)) await store.deleteRecord(key);
    },
  };
}
