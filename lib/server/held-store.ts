import { BrokerError } from '../model/errors.ts';
import type { GroupedStore, Store } from '../store/port.ts';

/**
 * A store that a process uses only while its claim on the broker holds. One that was paused may find, when it goes on,
 * that another has become the master: it begins nothing before it knows.
 */
export function whileHeld(store: Store, isHeld: () => boolean): Store {
  const guarded: Guard =
    <A extends unknown[], R>(verb: (...given: A) => Promise<R>) =>
    async (...given: A): Promise<R> => {
      if (isHeld()) return await verb(...given);
      throw new BrokerError('NOT_MASTER', 'The lease on the broker ran out; another process may be the master.');
    };
  return {
    bodiesExpire: store.bodiesExpire,
    append: guarded(store.append.bind(store)),
    ...(store.appendAll && { appendAll: guarded(store.appendAll.bind(store)) }),
    commit: guarded(store.commit.bind(store)),
    steal: guarded(store.steal.bind(store)),
    readHead: guarded(store.readHead.bind(store)),
    removeHead: guarded(store.removeHead.bind(store)),
    awaitChange: guarded(store.awaitChange.bind(store)),
    getBlobs: guarded(store.getBlobs.bind(store)),
    keepBlobs: guarded(store.keepBlobs.bind(store)),
    due: guarded(store.due.bind(store)),
    clearDue: guarded(store.clearDue.bind(store)),
    putRecord: guarded(store.putRecord.bind(store)),
    getRecord: guarded(store.getRecord.bind(store)),
    deleteRecord: guarded(store.deleteRecord.bind(store)),
    listRecords: guarded(store.listRecords.bind(store)),
    ...(store.groups && { groups: groupsWhileHeld(store.groups, guarded) }),
    close: () => store.close(),
  };
}

type Guard = <A extends unknown[], R>(verb: (...given: A) => Promise<R>) => (...given: A) => Promise<R>;

function groupsWhileHeld(groups: GroupedStore, guarded: Guard): GroupedStore {
  return {
    list: guarded(groups.list.bind(groups)),
    homeOf: guarded(groups.homeOf.bind(groups)),
    listHomes: guarded(groups.listHomes.bind(groups)),
    lacking: guarded(groups.lacking.bind(groups)),
    uncopied: guarded(groups.uncopied.bind(groups)),
    copyBlobs: guarded(groups.copyBlobs.bind(groups)),
    quiet: guarded(groups.quiet.bind(groups)),
    close: guarded(groups.close.bind(groups)),
    moveHead: guarded(groups.moveHead.bind(groups)),
  };
}
