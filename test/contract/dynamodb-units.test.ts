import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { countingStore } from '../../lib/store/counting.ts';
import { connect } from '../../lib/store/dynamodb/connection.ts';
import { report } from '../../lib/store/dynamodb/consumption.ts';
import { createTables } from '../../lib/store/dynamodb/create-tables.ts';
import { DynamoStore } from '../../lib/store/dynamodb/dynamodb-store.ts';
import { type DynamoEngine, dynamoAvailable, dynamoTitle, startDynamo } from '../dynamodb-local.ts';
import { appending, blob, committing, fresh, lease } from './given.ts';

/**
 * The engine reports what a call consumed; not of a call that failed its condition, wrongly of a transaction, and nothing
 * for what a batch of keys does not find. So the runs here have none of these: their units follow the documentation
 * alone. A shard is created, and removed, by a transaction: it is there before they begin.
 */
describe.skipIf(!dynamoAvailable())(dynamoTitle('units'), () => {
  const consumed = { write: 0, read: 0 };
  let engine: DynamoEngine;
  let counting: ReturnType<typeof countingStore>;

  beforeAll(async () => {
    engine = await startDynamo();
    const options = { tablePrefix: fresh('units'), endpoint: engine.endpoint };
    await createTables(options);
    const connection = connect(options);
    for (const client of [connection.patient, connection.once]) meter(client, consumed);
    counting = countingStore(new DynamoStore(connection));
  });
  afterAll(async () => {
    await counting.store.close();
    await engine.stop();
  });

  async function created(): Promise<string> {
    const shard = fresh('q');
    await counting.store.append(shard, appending([]));
    return shard;
  }

  /** Runs, and gives both sums of write units. */
  async function compare(run: () => Promise<void>): Promise<{ counted: number; consumed: number }> {
    counting.reset();
    consumed.write = 0;
    await run();
    return { counted: counting.counts().total.writeUnits, consumed: consumed.write };
  }

  test.each([0, 100, 900, 1010, 1025, 5000, 40_000])('of turns on a state of %i octets', async (octets) => {
    const { store } = counting;
    const shard = await created();
    const result = await compare(async () => {
      const state = new Uint8Array(octets);
      for (let turn = 1; turn <= 5; turn++) {
        const ring = { ring: lease('n'.repeat(22), 1_800_000_000_000 + turn) };
        await store.append(shard, appending(['e'.repeat(60 * turn)], { ...ring, blobs: [blob(fresh('k'))] }));
        await store.append(shard, appending(['acknowledged'.repeat(turn)]));
        await store.commit(shard, committing('n'.repeat(22), { state, absorbed: 2, rings: turn }));
      }
    });
    expect(result.consumed).toBeGreaterThanOrEqual(20);
    expect(result.counted).toBe(result.consumed);
  });

  test('of blobs of any size', async () => {
    const { store } = counting;
    const sizes = [1, 500, 970, 980, 990, 1000, 1024, 2048, 10_000, 350_000];
    const shards = await Promise.all(sizes.map(created));
    const result = await compare(async () => {
      for (const [i, octets] of sizes.entries()) {
        const shard = shards[i] ?? '';
        await store.append(shard, appending([], { blobs: [blob(fresh('k'), new Uint8Array(octets))] }));
        await store.append(shard, appending(['e'], { blobs: [blob(fresh('k'), new Uint8Array(octets))] }));
      }
    });
    expect(result.counted).toBe(result.consumed);
  });

  test('of a shard that becomes due, wakes up, is settled and stolen', async () => {
    const { store } = counting;
    const shard = await created();
    const result = await compare(async () => {
      const minute = 29_000_000;
      await store.append(shard, appending(['e'], { ring: lease('n') }));
      await store.steal(shard, { seen: 'n', lease: lease('m') });
      await store.commit(shard, committing('m', { absorbed: 1, wake: minute + 1, lease: lease('m') }));
      await store.commit(shard, committing('m', { wake: minute + 1 }));
      await store.clearDue({ shard, minute, kind: 'ring' }, 1);
      await store.clearDue({ shard, minute: minute + 1, kind: 'wake' }, 1);
      await store.clearDue({ shard, minute: minute + 1, kind: 'wake' }, 1);
      await store.append(shard, appending([]));
    });
    expect(result.counted).toBe(result.consumed);
  });

  test('of directory records', async () => {
    const { store } = counting;
    const result = await compare(async () => {
      const key = { family: fresh('f'), name: 'n' };
      await store.putRecord(key, new Uint8Array(3000), { expected: null, expiresAt: 1_900_000_000 });
      await store.putRecord(key, new Uint8Array(10), { expected: new Uint8Array(3000) });
      await store.putRecord(key, new Uint8Array(2000));
      await store.deleteRecord(key);
      await store.deleteRecord(key);
    });
    expect(result.counted).toBe(result.consumed);
  });

  test('of reads', async () => {
    const { store } = counting;
    const shard = fresh('q');
    const [small, large, family] = [fresh('k'), fresh('k'), fresh('f')];
    const blobs = [blob(small), blob(large, new Uint8Array(9000))];
    await store.append(shard, appending(['e'], { ring: lease('n'), blobs }));
    await store.commit(shard, committing('n', { state: new Uint8Array(5000) }));
    for (const name of ['a', 'b', 'c']) await store.putRecord({ family, name }, new Uint8Array(2000));
    counting.reset();
    consumed.read = 0;
    await store.readHead(shard);
    await store.getBlobs(shard, [small, large]);
    await store.getRecord({ family, name: 'a' });
    await store.getRecord({ family, name: 'no' });
    await store.listRecords(family, '', 10);
    expect(counting.counts().total.readUnits).toBe(consumed.read);
  });

  test('of looks at an index that holds little, and at one that holds much', async () => {
    const options = { tablePrefix: fresh('looks'), endpoint: engine.endpoint };
    await createTables(options);
    const connection = connect(options);
    meter(connection.patient, consumed);
    const { store, counts, reset } = countingStore(new DynamoStore(connection));
    const minute = 29_000_000;
    const fill = async (count: number, due: number) => {
      for (let i = 0; i < count; i++) await store.append(fresh('q'), appending([], { minute: due }));
    };
    const look = async () => {
      reset();
      consumed.read = 0;
      const { length } = await store.due(minute, 1000);
      return { length, counted: counts().total.readUnits, consumed: consumed.read };
    };
    // The engine reports nothing for a read that finds nothing; DynamoDB bills its least.
    expect(await look()).toMatchObject({ length: 0, counted: 0.5 });
    await fill(20, minute);
    expect(await look()).toEqual({ length: 20, counted: 0.5, consumed: 0.5 });
    await fill(200, minute + 50);
    expect(await look()).toEqual({ length: 20, counted: 1, consumed: 1 });
    await fill(400, minute);
    const { length, counted, consumed: units } = await look();
    expect(length).toBe(420);
    expect(units).toBeGreaterThan(16);
    // Which items a scan shows first is the engine's secret, and they differ by some octets.
    expect(Math.abs(counted - units)).toBeLessThanOrEqual(0.5);
    await store.close();
  });
});

/** Adds up what the engine says that each call consumed. */
function meter(client: DynamoDBClient, consumed: { write: number; read: number }): void {
  report(client, {
    consumed: (kind, units) => {
      consumed[kind] += units;
    },
    throttled: () => {},
  });
}
