import { DeleteTableCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Log } from '../../lib/broker/broker.ts';
import { moveShard } from '../../lib/broker/verbs/move.ts';
import { deleteQueue, describeQueue, listQueues } from '../../lib/broker/verbs/queues.ts';
import { receive } from '../../lib/broker/verbs/receive.ts';
import { send } from '../../lib/broker/verbs/send.ts';
import { sweep } from '../../lib/broker/verbs/sweep.ts';
import type { DestinationGroup } from '../../lib/model/groups.ts';
import { minuteOf } from '../../lib/shard/conclude/wake-up.ts';
import { connect } from '../../lib/store/dynamodb/connection.ts';
import { createTables } from '../../lib/store/dynamodb/create-tables.ts';
import { openDynamoStore } from '../../lib/store/dynamodb/dynamodb-store.ts';
import { homeFamily } from '../../lib/store/dynamodb/tables.ts';
import type { Store } from '../../lib/store/port.ts';
import { type DynamoEngine, dynamoAvailable, dynamoTitle, startDynamo } from '../dynamodb-local.ts';
import { environmentOn, textMessage } from '../unit/broker/environment.ts';
import { appending, dueOf, fresh, MINUTE } from './given.ts';

const orders: DestinationGroup = { name: 'orders', destinations: ['/queue/orders.>'] };
const eu = { kind: 'queue', name: 'orders.eu' } as const;

describe.skipIf(!dynamoAvailable())(dynamoTitle('where a queue lives'), () => {
  let engine: DynamoEngine;
  const opened: Store[] = [];
  beforeAll(async () => {
    engine = await startDynamo();
  });
  afterAll(async () => {
    for (const store of opened) await store.close();
    await engine.stop();
  });

  /** A process that is configured so. */
  async function configured(tablePrefix: string, groups: readonly DestinationGroup[], log: Log = () => {}) {
    const options = { tablePrefix, groups, endpoint: engine.endpoint };
    await createTables(options);
    const store = openDynamoStore(options);
    opened.push(store);
    const { broker, afterwards } = environmentOn(store, { log });
    return {
      store,
      broker,
      send: async (text: string) => {
        await send(broker, eu, [textMessage(text)]);
        await afterwards.idle();
      },
      take: async (max = 100) => {
        const got = await receive(broker, eu.name, { max, waitMs: 0, visibilityMs: 30_000 });
        await afterwards.idle();
        return got.map(({ message }) => Buffer.from(message.body).toString());
      },
      depth: async () => (await describeQueue(broker, eu.name)).depth,
    };
  }

  /** Makes what was stored look as code leaves it that keeps no record of homes. */
  async function forgetHomes(store: Store): Promise<void> {
    for (const { name } of await store.listRecords(homeFamily, '', 100)) {
      await store.deleteRecord({ family: homeFamily, name });
    }
    await store.deleteRecord({ family: 'broker', name: 'groups' });
  }

  /** As it is once all homes are put down: no shard without a record is looked for. */
  async function knowAll(store: Store): Promise<void> {
    const key = { family: 'broker', name: 'groups' };
    await store.due(MINUTE, 10);
    const served = JSON.parse(Buffer.from((await store.getRecord(key)) ?? []).toString());
    await store.putRecord(key, Buffer.from(JSON.stringify({ ...served, areAllRecorded: true })));
  }

  it.each([
    ['a group is added over it', [], [orders]],
    ['its group is renamed', [orders], [{ ...orders, name: 'shop' }]],
    ['its group is removed', [orders], []],
    ['the order of groups changes', [orders, { ...orders, name: 'eu' }], [{ ...orders, name: 'eu' }, orders]],
    [
      'a pattern is widened',
      [{ name: 'shop', destinations: ['/queue/shop'] }],
      [{ name: 'shop', destinations: ['>'] }],
    ],
  ])('stays as it is when %s, and messages go on', async (_, before, after) => {
    const prefix = fresh('homes');
    const old = await configured(prefix, before);
    await old.send('one');
    const present = await configured(prefix, after);
    expect(await present.depth()).toBe(1);
    await present.send('two');
    // The old configuration goes on for a while, during a deployment.
    await old.send('three');
    expect(await present.take()).toEqual(['one', 'two', 'three']);
    expect(await old.depth()).toBe(0);
    expect(await listQueues(present.broker, '', 10)).toMatchObject([{ name: 'orders.eu', inFlight: 3 }]);
  });

  it('is found where code left it that kept no record, in whichever group', async () => {
    const prefix = fresh('homes');
    const old = await configured(prefix, [orders]);
    await old.send('one');
    await forgetHomes(old.store);
    // The configuration of before is served once, by a function that has to do with another queue.
    await (await configured(prefix, [orders])).store.due(MINUTE, 10);
    const present = await configured(prefix, []);
    expect(await present.depth()).toBe(1);
    await present.send('two');
    expect(await present.take()).toEqual(['one', 'two']);
  });

  it('is found past a group whose table is gone, in which nothing is due', async () => {
    const prefix = fresh('homes');
    const shop: DestinationGroup = { name: 'shop', destinations: ['/queue/shop'] };
    await (await configured(prefix, [])).send('one');
    const mover = await configured(prefix, [orders, shop]);
    // Where it was made, a sign says the first of them.
    for (const group of ['orders', 'shop']) await moveShard(mover.broker, '/queue/orders.eu', group);
    const { patient, once, tableOf } = connect({ tablePrefix: prefix, endpoint: engine.endpoint });
    await patient.send(new DeleteTableCommand({ TableName: tableOf('orders') }));
    for (const client of [patient, once]) client.destroy();
    const late = await configured(prefix, [shop]);
    await late.send('two');
    expect(await late.take()).toEqual(['one', 'two']);
    const unread: string[] = [];
    const dues = await late.store.due(minuteOf(Date.now()) + 2, 10, (table) => unread.push(table));
    expect(dues.map(({ group }) => group)).toContain('shop');
    expect(unread).toEqual([]);
  });

  it('is one group, if processes of two configurations create it at once', async () => {
    const prefix = fresh('homes');
    const both = await Promise.all([configured(prefix, []), configured(prefix, [orders])]);
    for (let round = 0; round < 10; round++) {
      const shard = `/queue/orders.${round}`;
      await Promise.all(both.map(({ store }, i) => store.append(shard, appending([`${i}`]))));
      const heads = await Promise.all(both.map(({ store }) => store.readHead(shard)));
      expect(heads[0]?.inbox).toHaveLength(2);
      expect(heads[1]).toEqual(heads[0]);
    }
  });

  it('is that of the configuration, once it was deleted', async () => {
    const prefix = fresh('homes');
    const old = await configured(prefix, []);
    await old.send('one');
    const present = await configured(prefix, [orders]);
    await deleteQueue(present.broker, eu.name);
    await expect(old.depth()).rejects.toThrow('There is no queue');
    await present.send('two');
    const [ring] = await dueOf(present.store, '/queue/orders.eu', Number.MAX_SAFE_INTEGER);
    expect(ring).toMatchObject({ group: 'orders' });
    expect(await old.take()).toEqual(['two']);
  });

  it('is where its bodies are looked for, even by one who knows nothing of it', async () => {
    const prefix = fresh('homes');
    const old = await configured(prefix, []);
    const blob = { key: 'k', bytes: Buffer.from('body'), expiresAt: 4_000_000_000 };
    await old.store.append('/queue/orders.eu', appending(['e'], { blobs: [blob] }));
    const present = await configured(prefix, [orders]);
    expect((await present.store.getBlobs('/queue/orders.eu', ['k'])).size).toBe(1);
  });

  it('is where the sweep crosses it off, so that nothing is listed for ever', async () => {
    const prefix = fresh('homes');
    const old = await configured(prefix, []);
    await old.send('one');
    const present = await configured(prefix, [orders]);
    const soon = minuteOf(Date.now()) + 1;
    expect(await dueOf(present.store, '/queue/orders.eu', soon)).toMatchObject([{ kind: 'ring', group: 'default' }]);
    await sweep(present.broker);
    expect(await dueOf(present.store, '/queue/orders.eu', soon)).toEqual([]);
    expect(await present.take()).toEqual(['one']);
  });

  it('is where the sweep finds a head that nobody knows of', async () => {
    const prefix = fresh('homes');
    const old = await configured(prefix, []);
    await old.send('one');
    await knowAll(old.store);
    const present = await configured(prefix, [orders]);
    await present.store.due(MINUTE, 10);
    await old.store.deleteRecord({ family: homeFamily, name: '/queue/orders.eu' });
    await expect(present.store.readHead('/queue/orders.eu')).resolves.toBe(undefined);
    await sweep(present.broker);
    expect(await present.take()).toEqual(['one']);
  });

  it('is told of by the sweep where older code made two queues of one, and the messages of both are kept', async () => {
    const prefix = fresh('homes');
    const old = await configured(prefix, []);
    await old.send('stranded');
    await knowAll(old.store);
    await old.store.deleteRecord({ family: homeFamily, name: '/queue/orders.eu' });
    const log: unknown[][] = [];
    const present = await configured(prefix, [orders], (...line) => log.push(line));
    await present.send('one');
    await sweep(present.broker);
    expect(log).toContainEqual(['shard in two groups', { shard: '/queue/orders.eu', home: 'orders', also: 'default' }]);
    expect(await present.take()).toEqual(['one']);
    expect(await old.store.readHead('/queue/orders.eu')).toBeDefined();
  });

  it('costs nothing to know for a queue that lives where it is configured', async () => {
    const prefix = fresh('homes');
    const calls: string[] = [];
    const options = { tablePrefix: prefix, groups: [orders], endpoint: engine.endpoint };
    await (await configured(prefix, [orders])).send('one');
    const store = openDynamoStore({
      ...options,
      consumption: { consumed: (kind, units) => calls.push(`${kind} ${units}`), throttled: () => {} },
    });
    opened.push(store);
    await store.append('/queue/orders.eu', appending(['e']));
    await store.readHead('/queue/orders.eu');
    expect(calls).toEqual(['write 1', 'read 1']);
  });
});
