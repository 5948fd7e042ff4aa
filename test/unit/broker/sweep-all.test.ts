import { expect, it } from 'vitest';
import { send } from '../../../lib/broker/verbs/send.ts';
import { sweep } from '../../../lib/broker/verbs/sweep.ts';
import { BrokerError } from '../../../lib/model/errors.ts';
import { minuteOf } from '../../../lib/shard/conclude/wake-up.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Store } from '../../../lib/store/port.ts';
import { environmentOn, storeWith, textMessage } from './environment.ts';

const SHARDS = 2_500;

/** Leaves so many shards as a crash does between the append and the turn. */
async function crash(store: Store): Promise<void> {
  const dead = { nonce: 'dead', until: 0 };
  for (let i = 0; i < SHARDS; i++) {
    const append = { blobs: [], entries: [], ring: dead, room: 64, minute: 1, mustExist: false };
    await store.append(`/queue/q${i}`, append);
  }
}

it('goes on beyond its first look at the index until all that is due was looked at', async () => {
  const store = new MemoryStore();
  await crash(store);
  const environment = environmentOn(store);
  expect(await sweep(environment.broker)).toEqual({ shards: SHARDS, left: 0, failed: 0 });
  await environment.afterwards.idle();
  expect(await store.due(minuteOf(Date.now()), SHARDS)).toEqual([]);
});

it('reaches beyond shards that cannot be crossed off', async () => {
  const store = storeWith((inner) => ({
    clearDue: async (due, rings) => (Number(due.shard.slice(8)) < 1_000 ? false : await inner.clearDue(due, rings)),
  }));
  await crash(store);
  const environment = environmentOn(store);
  expect(await sweep(environment.broker)).toEqual({ shards: SHARDS, left: 0, failed: 0 });
  expect(await store.due(minuteOf(Date.now()), SHARDS)).toHaveLength(1_000);
});

it('stops when its time is over, says what is left, and leaves it to the next one', async () => {
  const time = { now: Date.now() };
  const store = storeWith((inner) => ({
    async clearDue(due, rings) {
      time.now += 100;
      return await inner.clearDue(due, rings);
    },
  }));
  await crash(store);
  const events: [string, unknown][] = [];
  const environment = environmentOn(store, {
    clock: { now: () => time.now, date: () => time.now, sleep: async () => {} },
    log: (event, details) => events.push([event, details]),
  });
  const { shards, left } = await sweep(environment.broker);
  expect(shards).toBeLessThan(500);
  expect(left).toBe(1_000 - shards);
  expect(events).toContainEqual(['sweep unfinished', { shards, left }]);
  for (let rounds = 0; rounds < 10; rounds++) await sweep(environment.broker);
  expect(await store.due(minuteOf(time.now), SHARDS)).toEqual([]);
});

it('is not stopped by a shard that fails', async () => {
  const store = storeWith((inner) => ({
    readHead: async (shard) => {
      if (shard === '/queue/bad') throw new Error('Out of order.');
      return await inner.readHead(shard);
    },
  }));
  const failures: unknown[] = [];
  const measured: unknown[] = [];
  const environment = environmentOn(store, {
    meter: (metric, value) => measured.push([metric, value]),
    log: (event, details, error) => failures.push([event, details, error?.code]),
  });
  for (const name of ['bad', 'good']) await send(environment.broker, { kind: 'queue', name }, [textMessage('a')]);
  await environment.afterwards.idle();
  expect(await sweep(environment.broker)).toEqual({ shards: 2, left: 0, failed: 1 });
  expect(failures).toEqual([['sweep failed', { shard: '/queue/bad' }, 'INTERNAL']]);
  expect(measured).toContainEqual(['sweepFailed', 1]);
  const due = await store.due(minuteOf(Date.now()), 10);
  expect(due.filter(({ kind }) => kind === 'ring').map(({ shard }) => shard)).toEqual(['/queue/bad']);
});

it('says which tables it could not read, looks at what is due in the others, and counts both', async () => {
  const unread = new BrokerError('INTERNAL', 'DynamoDB refused what the broker asked.');
  const store = storeWith((inner) => ({
    async due(minute, limit, onUnread) {
      onUnread?.('p-shards-prices', unread);
      return await inner.due(minute, limit);
    },
  }));
  await crash(store);
  const logged: unknown[][] = [];
  const measured: unknown[] = [];
  const { broker } = environmentOn(store, {
    log: (event, details, error) => logged.push([event, details, error]),
    meter: (metric, value) => measured.push([metric, value]),
  });
  expect(await sweep(broker)).toEqual({ shards: SHARDS, left: 0, failed: 1 });
  const told = logged.filter(([event]) => event === 'due shards not read');
  expect(told).toEqual([['due shards not read', { table: 'p-shards-prices' }, unread]]);
  expect(measured).toContainEqual(['sweepFailed', 1]);
});
