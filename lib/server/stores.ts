import { join } from 'node:path';
import { masterKey } from '../model/deployment.ts';
import { BrokerError } from '../model/errors.ts';
import { isLoopback } from '../model/loopback.ts';
import { claimFolder } from '../store/lmdb/claim-folder.ts';
import { makeFolder } from '../store/lmdb/folder.ts';
import { openLmdbStore } from '../store/lmdb/lmdb-store.ts';
import { MemoryStore } from '../store/memory/memory-store.ts';
import type { Store } from '../store/port.ts';
import type { LeaseRecord, LeaseTimes } from './broker-lease.ts';
import { FileWatch } from './file-watch.ts';
import type { DynamoPlace } from './options.ts';

/** Where a self-hosted broker keeps its messages. */
export type StoreChoice =
  | { readonly kind: 'memory' }
  | { readonly kind: 'lmdb'; readonly data: string }
  | { readonly kind: 'dynamodb'; readonly place: DynamoPlace };

/** Told of a failure of the store. */
type Told = (error: BrokerError) => void;

/** A place for the data, with the record that says which process is the master of it. */
export type StorePlace = {
  /** Undefined where no other process can come at the data. */
  readonly lease: LeaseRecord | undefined;
  readonly times: LeaseTimes;
  /** Opens the data; only the master does. */
  readonly open: (owner: string, onFailure: Told, onDamage?: Told) => Promise<Store>;
  readonly close: () => Promise<void>;
};

const times: LeaseTimes = { leaseMs: 10_000, renewMs: 2_000, pollMs: 100, marginMs: 1_000 };
/** Each look at a table is billed. */
const tableTimes: LeaseTimes = { ...times, pollMs: 1_000 };

export async function prepareStore(choice: StoreChoice): Promise<StorePlace> {
  switch (choice.kind) {
    case 'memory':
      return {
        lease: undefined,
        times,
        open: async () => new MemoryStore(),
        close: async () => {},
      };
    case 'lmdb':
      return await prepareLmdb(choice.data);
    case 'dynamodb':
      return await prepareDynamo(choice.place);
  }
}

/** Two processes on one folder: ActiveMQ's master/slave on a shared file system. */
async function prepareLmdb(data: string): Promise<StorePlace> {
  makeFolder(data);
  const path = join(data, 'store');
  const opened = new FileWatch(join(path, 'data.mdb'));
  const failure = async () =>
    (await opened.isReplaced())
      ? new BrokerError('NOT_FOUND', `The data in ${data} were deleted or replaced while the broker had them open.`)
      : undefined;
  return {
    lease: { ...claimFolder(join(data, 'lease')), isOfOneKernel: true, failure },
    times,
    async open(owner, onFailure, onDamage = () => {}) {
      opened.forget();
      const store = await openLmdbStore({ path, owner, onFailure, onDamage });
      opened.remember();
      return store;
    },
    close: async () => {},
  };
}

/** Two processes on one table prefix: ActiveMQ's master/slave on a shared database. */
async function prepareDynamo(options: DynamoPlace): Promise<StorePlace> {
  // Loaded on demand: with an embedded store, no part of the AWS SDK is.
  const { openDynamoStore } = await import('../store/dynamodb/dynamodb-store.ts');
  const { createTables, demandTables } = await import('../store/dynamodb/create-tables.ts');
  // In an account, tables that a misspelt prefix made would be billed, and take messages that nobody looks for there.
  const mayCreate = options.createTables || (options.endpoint !== undefined && isLoopback(options.endpoint));
  await (mayCreate ? createTables(options) : demandTables(options));
  const store = openDynamoStore(options);
  return {
    lease: {
      isOfOneKernel: false,
      takesOver: options.takeOver ?? false,
      read: () => store.getRecord(masterKey),
      replace: async (expected, value) => (await store.putRecord(masterKey, value, { expected })).kind === 'stored',
    },
    times: tableTimes,
    open: async () => openDynamoStore(options),
    close: () => store.close(),
  };
}
