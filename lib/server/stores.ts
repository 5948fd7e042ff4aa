import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { BrokerError } from '../model/errors.ts';
import { type Limits, localLimits, localOnDynamoLimits } from '../model/limits.ts';
import { openLmdbStore } from '../store/lmdb/lmdb-store.ts';
import { openLeaseFile } from '../store/lmdb/owner-lock.ts';
import { MemoryStore } from '../store/memory/memory-store.ts';
import type { Store } from '../store/port.ts';
import type { LeaseRecord, MastershipTimes } from './mastership.ts';
import type { DynamoPlace } from './options.ts';

/** Where a self-hosted broker keeps its messages. */
export type StoreChoice =
  | { readonly kind: 'memory' }
  | { readonly kind: 'lmdb'; readonly data: string }
  | { readonly kind: 'dynamodb'; readonly place: DynamoPlace };

/** A place for the data, with the record that says which process is the master of it. */
export type StorePlace = {
  readonly limits: Limits;
  /** Undefined where no other process can come at the data. */
  readonly lease: LeaseRecord | undefined;
  readonly times: MastershipTimes;
  /** Opens the data; only the master does. */
  readonly open: (owner: string, onFailure: (error: BrokerError) => void) => Promise<Store>;
  readonly close: () => Promise<void>;
};

const times: MastershipTimes = { leaseMs: 10_000, renewMs: 2_000, pollMs: 100, skewMs: 1_000 };
/** Each look at a table is billed. */
const tableTimes: MastershipTimes = { ...times, pollMs: 1_000 };

export async function prepareStore(choice: StoreChoice): Promise<StorePlace> {
  switch (choice.kind) {
    case 'memory':
      return {
        limits: localLimits,
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
  mkdirSync(data, { recursive: true });
  const lease = await openLeaseFile(join(data, 'owner'));
  return {
    limits: localLimits,
    lease,
    times,
    open: (owner, onFailure) => openLmdbStore({ path: join(data, 'store'), owner, onFailure }),
    close: () => lease.close(),
  };
}

/** Two processes on one table prefix: ActiveMQ's master/slave on a shared database. */
async function prepareDynamo(options: DynamoPlace): Promise<StorePlace> {
  // Loaded on demand: with an embedded store, no part of the AWS SDK is.
  const { openDynamoStore } = await import('../store/dynamodb/dynamodb-store.ts');
  const { createTables } = await import('../store/dynamodb/create-tables.ts');
  await createTables(options);
  const store = openDynamoStore(options);
  const key = { family: 'broker', name: 'master' };
  return {
    limits: localOnDynamoLimits,
    lease: {
      read: () => store.getRecord(key),
      replace: async (expected, value) => (await store.putRecord(key, value, { expected })).kind === 'stored',
    },
    times: tableTimes,
    open: async () => openDynamoStore(options),
    close: () => store.close(),
  };
}
