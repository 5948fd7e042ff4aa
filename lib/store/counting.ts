import { type Counts, Ledger, Meter } from './bill.ts';
import { headBytes, readUnits, recordBytes } from './dynamodb/item-size.ts';
import type { Due, Store } from './port.ts';

/**
 * Counts what the verbs cost on DynamoDB, whatever the store is that does them. It knows an item's size before a write
 * only if it saw it: everything has to go through the one decorator from the beginning. A watch counts as one read.
 */
export function countingStore(inner: Store): { store: Store; counts(): Counts; reset(): void } {
  const ledger = new Ledger();
  return {
    store: decorate(inner, new Meter(ledger)),
    counts: () => ledger.counts(),
    reset: () => ledger.reset(),
  };
}

/** The verbs, each done by `inner` and then billed. */
function decorate(inner: Store, meter: Meter): Store {
  return {
    bodiesExpire: inner.bodiesExpire,
    async append(shard, append) {
      meter.blobs('append', shard, append.blobs);
      const outcome = await inner.append(shard, append);
      meter.head('append', shard, outcome.head);
      return outcome;
    },
    async commit(shard, commit) {
      meter.blobs('commit', shard, commit.blobs);
      if (commit.wake !== undefined) meter.wake('commit', shard, commit.wake, true);
      const outcome = await inner.commit(shard, commit);
      meter.head('commit', shard, outcome.head);
      return outcome;
    },
    async steal(shard, steal) {
      const outcome = await inner.steal(shard, steal);
      meter.head('steal', shard, outcome.head);
      return outcome;
    },
    async readHead(shard) {
      const head = await inner.readHead(shard);
      meter.readHead('readHead', shard, head);
      return head;
    },
    async removeHead(shard, rings) {
      const removed = await inner.removeHead(shard, rings);
      if (removed) meter.head('removeHead', shard, undefined);
      else meter.settledHead('removeHead', shard, false);
      return removed;
    },
    async awaitChange(shard, seen, timeoutMs, signal) {
      await inner.awaitChange(shard, seen, timeoutMs, signal);
      meter.ledger.read('awaitChange', readUnits(headBytes(seen)));
    },
    async getBlobs(shard, keys) {
      meter.getBlobs(shard, keys);
      return inner.getBlobs(shard, keys);
    },
    async keepBlobs(shard, keys, expiresAt) {
      meter.keepBlobs(shard, keys);
      await inner.keepBlobs(shard, keys, expiresAt);
    },
    ...decorateIndex(inner, meter),
    ...decorateDirectory(inner, meter),
    close: () => inner.close(),
  };
}

function decorateIndex(inner: Store, meter: Meter): Pick<Store, 'due' | 'clearDue'> {
  return {
    async due(minute, ...rest) {
      meter.due(minute);
      return inner.due(minute, ...rest);
    },
    async clearDue(due: Due, rings) {
      const settled = await inner.clearDue(due, rings);
      if (due.kind === 'wake') meter.wake('clearDue', due.shard, due.minute, false);
      else meter.settledHead('clearDue', due.shard, settled);
      return settled;
    },
  };
}

type Directory = Pick<Store, 'putRecord' | 'getRecord' | 'deleteRecord' | 'listRecords'>;

function decorateDirectory(inner: Store, meter: Meter): Directory {
  return {
    async putRecord(key, value, options = {}) {
      const outcome = await inner.putRecord(key, value, options);
      const stored = outcome.kind === 'stored';
      meter.record('putRecord', key, stored ? recordBytes(key, value, options.expiresAt) : undefined);
      return outcome;
    },
    async getRecord(key) {
      meter.readRecord(key);
      return inner.getRecord(key);
    },
    async deleteRecord(key) {
      await inner.deleteRecord(key);
      meter.record('deleteRecord', key, 0);
    },
    async listRecords(family, after, limit) {
      const found = await inner.listRecords(family, after, limit);
      const bytes = found.reduce((sum, { name, value }) => sum + recordBytes({ family, name }, value, undefined), 0);
      meter.ledger.read('listRecords', readUnits(bytes));
      return found;
    },
  };
}
