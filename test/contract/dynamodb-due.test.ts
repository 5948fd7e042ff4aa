import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTables } from '../../lib/store/dynamodb/create-tables.ts';
import { openDynamoStore } from '../../lib/store/dynamodb/dynamodb-store.ts';
import { DUE_SCAN_ITEMS } from '../../lib/store/dynamodb/tables.ts';
import type { Store } from '../../lib/store/port.ts';
import { type DynamoEngine, dynamoAvailable, dynamoTitle, startDynamo } from '../dynamodb-local.ts';
import { appending, fresh } from './given.ts';

const MINUTE = 29_000_000;

describe.skipIf(!dynamoAvailable())(dynamoTitle('what is due'), () => {
  let engine: DynamoEngine;
  let store: Store;
  const minutes = async (minute: number, limit: number) =>
    (await store.due(minute, limit)).map((due) => due.minute - MINUTE);
  const fill = async (count: number, minuteOf: (i: number) => number) => {
    for (let i = 0; i < count; i++) await store.append(fresh('q'), appending([], { minute: MINUTE + minuteOf(i) }));
  };

  beforeAll(async () => {
    engine = await startDynamo();
    const options = { tablePrefix: fresh('due'), endpoint: engine.endpoint };
    await createTables(options);
    store = openDynamoStore(options);
  });
  afterAll(async () => {
    await store.close();
    await engine.stop();
  });

  test('is the same, the oldest first, whether the index is read whole or by its partitions', async () => {
    await fill(30, (i) => (i * 7) % 30);
    const oldest = Array.from({ length: 20 }, (_, i) => i);
    expect(await minutes(MINUTE + 19, 100)).toEqual(oldest);
    expect(await minutes(MINUTE + 19, 5)).toEqual([0, 1, 2, 3, 4]);
    // What is due later fills the index.
    await fill(DUE_SCAN_ITEMS, () => 1_000);
    expect(await minutes(MINUTE + 19, 100)).toEqual(oldest);
    expect(await minutes(MINUTE + 19, 5)).toEqual([0, 1, 2, 3, 4]);
    expect(await minutes(MINUTE + 1_000, 2_000)).toHaveLength(30 + DUE_SCAN_ITEMS);
  });

  test('is told of the tables that can be read, and of each that cannot', async () => {
    const tablePrefix = fresh('due');
    const options = { tablePrefix, endpoint: engine.endpoint };
    await createTables(options);
    const groups = [{ name: 'gone', destinations: ['/queue/gone.>'] }];
    const grouped = openDynamoStore({ ...options, groups });
    try {
      await grouped.append('/queue/here', appending([], { minute: MINUTE }));
      const unread: unknown[] = [];
      const dues = await grouped.due(MINUTE, 10, (table, error) => unread.push([table, error.code]));
      expect(dues.map(({ shard }) => shard)).toEqual(['/queue/here']);
      expect(unread).toEqual([[`${tablePrefix}-shards-gone`, 'INTERNAL']]);
    } finally {
      await grouped.close();
    }
  });
});
