import type { DirectoryRecord, RecordKey, RecordOptions, RecordOutcome, Store } from '../store/port.ts';
import { sameBytes } from '../store/same-bytes.ts';

/**
 * A connection lives in one process and dies with it: what is known of it, of its session, and of the audiences that it
 * belongs to, need not outlive that.
 */
export function withLocalSessions(inner: Store): LocalSessions {
  const sessions = new Sessions();
  return { store: storeWith(inner, sessions), forget: (connection) => sessions.forget(familyOf(connection)) };
}

type LocalSessions = {
  readonly store: Store;
  /** To be called at the end of a connection: frames come in order, so that none is left that would ask for it. */
  readonly forget: (connection: string) => void;
};

function familyOf(connection: string): string {
  return `connection ${connection}`;
}

function storeWith(store: Store, sessions: Sessions): Store {
  return {
    bodiesExpire: store.bodiesExpire,
    append: (shard, append) => store.append(shard, append),
    ...(store.appendAll && { appendAll: store.appendAll.bind(store) }),
    commit: (shard, commit) => store.commit(shard, commit),
    steal: (shard, steal) => store.steal(shard, steal),
    readHead: (shard) => store.readHead(shard),
    removeHead: (shard, rings) => store.removeHead(shard, rings),
    awaitChange: (shard, seen, timeoutMs, signal) => store.awaitChange(shard, seen, timeoutMs, signal),
    getBlobs: (shard, keys) => store.getBlobs(shard, keys),
    keepBlobs: (shard, keys, expiresAt) => store.keepBlobs(shard, keys, expiresAt),
    due: (minute, limit, onUnread) => store.due(minute, limit, onUnread),
    clearDue: (due, rings) => store.clearDue(due, rings),
    ...(store.groups && { groups: store.groups }),
    close: () => store.close(),
    async putRecord(key, value, options = {}) {
      return isSession(key.family) ? sessions.put(key, value, options) : await store.putRecord(key, value, options);
    },
    async getRecord(key) {
      return isSession(key.family) ? sessions.get(key) : await store.getRecord(key);
    },
    async deleteRecord(key) {
      if (isSession(key.family)) sessions.delete(key);
      else await store.deleteRecord(key);
    },
    async listRecords(family, after, limit) {
      return isSession(family) ? sessions.list(family, after, limit) : await store.listRecords(family, after, limit);
    },
  };
}

function isSession(family: string): boolean {
  return ['connection ', 'session ', 'audience '].some((kind) => family.startsWith(kind));
}

/** Records by family; a family that has none is not there. */
class Sessions {
  readonly #families = new Map<string, Map<string, Uint8Array>>();

  put({ family, name }: RecordKey, value: Uint8Array, { expected }: RecordOptions): RecordOutcome {
    const records = this.#families.get(family) ?? new Map<string, Uint8Array>();
    const current = records.get(name);
    if (expected !== undefined && !sameBytes(current, expected)) return { kind: 'conflict', current };
    this.#families.set(family, records.set(name, value));
    return { kind: 'stored' };
  }

  get({ family, name }: RecordKey): Uint8Array | undefined {
    return this.#families.get(family)?.get(name);
  }

  delete({ family, name }: RecordKey): void {
    const records = this.#families.get(family);
    records?.delete(name);
    if (records?.size === 0) this.#families.delete(family);
  }

  forget(family: string): void {
    this.#families.delete(family);
  }

  /** Their names are ids in ASCII: the order of their characters is that of their octets. */
  list(family: string, after: string, limit: number): DirectoryRecord[] {
    const names = [...(this.#families.get(family)?.keys() ?? [])].filter((name) => name > after).sort();
    return names.slice(0, limit).map((name) => ({ name, value: this.get({ family, name }) as Uint8Array }));
  }
}
