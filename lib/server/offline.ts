import { ensureAdministrator } from '../access/users.ts';
import { systemRandom } from '../handlers/parts.ts';
import { BrokerError } from '../model/errors.ts';
import type { Store } from '../store/port.ts';
import { Mastership } from './mastership.ts';
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

/** The tables are there already, and whoever serves them sees the change: nobody's mastership is asked for. */
async function withTables({ tablePrefix = '', endpoint }: DirectoryPlace, work: (store: Store) => Promise<void>) {
  const { openDynamoStore } = await import('../store/dynamodb/dynamodb-store.ts');
  const store = openDynamoStore({ tablePrefix, ...(endpoint === undefined ? {} : { endpoint }) });
  await work(store).finally(() => store.close());
}

/** As the master of the folder: two processes never write to it at a time. */
async function withFolder(data: string, work: (store: Store) => Promise<void>): Promise<void> {
  const place = await prepareStore({ kind: 'lmdb', data });
  const { lease, times } = place;
  if (!lease) return;
  const owner = systemRandom().id().slice(0, 8);
  const stop = new AbortController();
  const events = { onStandby: () => stop.abort(), onLost: () => {} };
  const mastership = await Mastership.claim(lease, times, owner, stop.signal, events);
  try {
    if (!mastership) {
      throw new BrokerError('UNAVAILABLE', `A broker runs on ${data}: stop it, or ask it by "users add".`);
    }
    const store = await place.open(owner, () => {});
    await work(store).finally(() => store.close());
  } finally {
    await mastership?.release();
    await place.close();
  }
}
