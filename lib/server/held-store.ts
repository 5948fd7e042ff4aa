import { BrokerError } from '../model/errors.ts';
import type { Store } from '../store/port.ts';

/**
 * A store that a process uses only while its claim on the broker holds. One that was paused may find, when it goes on,
 * that another has become the master: it begins nothing before it knows.
 */
export function whileHeld(store: Store, isHeld: () => boolean): Store {
  const guarded =
    <A extends unknown[], R>(verb: (...given: A) => Promise<R>) =>
    async (...given: A): Promise<R> => {
      if (isHeld()) return await verb(...given);
      throw new BrokerError('NOT_MASTER', 'The lease on the broker ran out; another process may be the master.');
    };
  return {
    append: guarded(store.append.bind(store)),
    commit: guarded(store.commit.bind(store)),
    steal: guarded(store.steal.bind(store)),
    readHead: guarded(store.readHead.bind(store)),
    removeHead: guarded(store.removeHead.bind(store)),
    awaitChange: guarded(store.awaitChange.bind(store)),
    getBlobs: guarded(store.getBlobs.bind(store)),
    extendBlobs: guarded(store.extendBlobs.bind(store)),
    transact: guarded(store.transact.bind(store)),
    due: guarded(store.due.bind(store)),
    settle: guarded(store.settle.bind(store)),
    putRecord: guarded(store.putRecord.bind(store)),
    getRecord: guarded(store.getRecord.bind(store)),
    deleteRecord: guarded(store.deleteRecord.bind(store)),
    listRecords: guarded(store.listRecords.bind(store)),
    close: () => store.close(),
  };
}
