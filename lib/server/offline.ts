import { readdirSync } from 'node:fs';
import { ensureAdministrator } from '../access/users.ts';
import { systemRandom } from '../handlers/environment.ts';
import { BrokerError } from '../model/errors.ts';
import { isFolder } from '../store/lmdb/folder.ts';
import type { Store } from '../store/port.ts';
import { BrokerLease } from './broker-lease.ts';
import { prepareStore } from './stores.ts';

/** Where a broker's directory is. */
export type DirectoryPlace = {
  readonly store: 'lmdb' | 'dynamodb';
  readonly data: string;
  readonly tablePrefix?: string;
  readonly endpoint?: string;
};

/**
 * Makes a user who may do everything, or sets it right, without asking a broker: whoever may write to its data may.
 * @throws BrokerError UNAVAILABLE while a broker has the folder; INVALID_REQUEST
 */
export async function makeAdministrator(place: DirectoryPlace, name: string, password: string): Promise<void> {
  const make = (store: Store) => ensureAdministrator(store, name, password, systemRandom().id());
  await (place.store === 'dynamodb' ? withTables(place, make) : withFolder(place.data, make));
}

/** The tables are there already, and whoever serves them sees the change: no lease is asked for. */
async function withTables({ tablePrefix = '', endpoint }: DirectoryPlace, work: (store: Store) => Promise<void>) {
  const { openDynamoStore } = await import('../store/dynamodb/dynamodb-store.ts');
  const store = openDynamoStore({ tablePrefix, ...(endpoint === undefined ? {} : { endpoint }) });
  await work(store).finally(() => store.close());
}

/** Where a broker keeps something, or nothing is so far: a folder that is something else was misspelt. */
function checkDataFolder(data: string): void {
  if (!isFolder(data)) {
    const make = 'make it, or start the broker on it once';
    throw new BrokerError('NOT_FOUND', `There is no folder ${data}: give that of a broker by --data; or ${make}.`);
  }
  const names = readdirSync(data);
  if (names.length > 0 && !names.includes('store') && !names.includes('lease')) {
    throw new BrokerError('NOT_FOUND', `${data} is no data folder of a broker: there is no "store" in it.`);
  }
}

/** As the master of the folder: two processes never write to it at a time. A broker that is gone is waited out. */
async function withFolder(data: string, work: (store: Store) => Promise<void>): Promise<void> {
  checkDataFolder(data);
  const place = await prepareStore({ kind: 'lmdb', data });
  const { lease: record, times } = place;
  if (!record) return;
  const owner = systemRandom().id().slice(0, 8);
  const stop = new AbortController();
  const events = { onStandby: () => {}, onHeld: () => stop.abort(), onLost: () => {} };
  const lease = await BrokerLease.claim(record, times, owner, stop.signal, events);
  try {
    if (!lease) {
      throw new BrokerError('UNAVAILABLE', `A broker runs on ${data}: stop it, or ask it by "users add".`);
    }
    const store = await place.open(owner, () => {});
    await work(store).finally(() => store.close());
  } finally {
    await lease?.release();
    await place.close();
  }
}
