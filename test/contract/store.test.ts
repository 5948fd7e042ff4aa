import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import { countingStore } from '../../lib/store/counting.ts';
import { createTables } from '../../lib/store/dynamodb/create-tables.ts';
import { openDynamoStore } from '../../lib/store/dynamodb/dynamodb-store.ts';
import { openLmdbStore } from '../../lib/store/lmdb/lmdb-store.ts';
import { MemoryStore } from '../../lib/store/memory/memory-store.ts';
import { dynamoAvailable, dynamoTitle, startDynamo } from '../dynamodb-local.ts';
import { fresh } from './given.ts';
import { type Opened, storeContract } from './store-contract.ts';

storeContract('memory', 'one', async () => closing(new MemoryStore()));

storeContract('memory, counted', 'many', async () => closing(countingStore(new MemoryStore()).store));

storeContract('lmdb', 'one', async () => {
  const path = await mkdtemp(join(tmpdir(), 'cirrusmq-contract-'));
  const store = await openLmdbStore({ path, owner: fresh('owner') });
  return closing(store, () => rm(path, { recursive: true }));
});

describe.skipIf(!dynamoAvailable())(dynamoTitle('the contract'), () => {
  storeContract('dynamodb', 'many', async () => {
    const engine = await startDynamo();
    const options = { tablePrefix: fresh('contract'), endpoint: engine.endpoint };
    await createTables(options);
    await createTables(options);
    return closing(openDynamoStore(options), () => engine.stop());
  });
});

function closing(store: Opened['store'], after: () => Promise<void> = async () => {}): Opened {
  return {
    store,
    async close() {
      await store.close();
      await after();
    },
  };
}
