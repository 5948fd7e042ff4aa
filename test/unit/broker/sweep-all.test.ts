import { expect, it } from 'vitest';
import { send } from '../../../lib/broker/send.ts';
import { sweep } from '../../../lib/broker/sweep.ts';
import { minuteOf } from '../../../lib/shard/wake-up.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Store } from '../../../lib/store/port.ts';
import { benchOn, storeWith, textMessage } from './bench.ts';

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
  const bench = benchOn(store);
  expect(await sweep(bench.broker)).toEqual({ shards: SHARDS, left: 0 });
  await bench.afterwards.settled();
  expect(await store.due(minuteOf(Date.now()), SHARDS)).toEqual([]);
});

it('reaches beyond shards that cannot be crossed off', async () => {
  const store = storeWith((inner) => ({
    settle: async (due, rings) => (Number(due.shard.slice(8)) < 1_000 ? false : await inner.settle(due, rings)),
  }));
  await crash(store);
  const bench = benchOn(store);
  expect(await sweep(bench.broker)).toEqual({ shards: SHARDS, left: 0 });
  expect(await store.due(minuteOf(Date.now()), SHARDS)).toHaveLength(1_000);
});

it('stops when its time is over, says what is left, and leaves it to the next one', async () => {
  const time = { now: Date.now() };
  const store = storeWith((inner) => ({
    async settle(due, rings) {
      time.now += 100;
      return await inner.settle(due, rings);
    },
  }));
  await crash(store);
  const events: [string, unknown][] = [];
  const bench = benchOn(store, {
    clock: { now: () => time.now, sleep: async () => {} },
    log: (event, details) => events.push([event, details]),
  });
  const { shards, left } = await sweep(bench.broker);
  expect(shards).toBeLessThan(500);
  expect(left).toBe(1_000 - shards);
  expect(events).toContainEqual(['sweep unfinished', { shards, left }]);
  for (let rounds = 0; rounds < 10; rounds++) await sweep(bench.broker);
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
  const bench = benchOn(store, { log: (event, details, error) => failures.push([event, details, error?.code]) });
  for (const name of ['bad', 'good']) await send(bench.broker, { kind: 'queue', name }, [textMessage('a')]);
  await bench.afterwards.settled();
  expect(await sweep(bench.broker)).toEqual({ shards: 2, left: 0 });
  expect(failures).toEqual([['sweep failed', { shard: '/queue/bad' }, 'INTERNAL']]);
  const due = await store.due(minuteOf(Date.now()), 10);
  expect(due.filter(({ kind }) => kind === 'ring').map(({ shard }) => shard)).toEqual(['/queue/bad']);
});
