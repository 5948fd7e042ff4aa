import type { RecordKey, RecordOptions, RecordOutcome, Store } from '../store/port.ts';
import { sameBytes } from '../store/same-bytes.ts';

/**
 * A connection lives in one process and dies with it: what is known of it need not outlive that. Its frames come in
 * order: none is handled after its end, and so nothing is left for it.
 */
export function withLocalSessions(store: Store): Store {
  const sessions = new Map<string, Uint8Array>();
  const isOfConnection = (key: RecordKey) => key.family.startsWith('connection ');
  const isSession = (key: RecordKey) => key.name === 'session';
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
    listRecords: (family, after, limit) => store.listRecords(family, after, limit),
    close: () => store.close(),
    async putRecord(key: RecordKey, value: Uint8Array, options: RecordOptions = {}): Promise<RecordOutcome> {
      if (!isOfConnection(key)) return await store.putRecord(key, value, options);
      if (!isSession(key)) return { kind: 'stored' };
      const current = sessions.get(key.family);
      if (options.expected !== undefined && !sameBytes(current, options.expected)) return { kind: 'conflict', current };
      sessions.set(key.family, value);
      return { kind: 'stored' };
    },
    async getRecord(key) {
      if (!isOfConnection(key)) return await store.getRecord(key);
      return isSession(key) ? sessions.get(key.family) : undefined;
    },
    async deleteRecord(key) {
      if (isOfConnection(key)) sessions.delete(key.family);
      else await store.deleteRecord(key);
    },
  };
}
