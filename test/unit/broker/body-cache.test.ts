import { expect, it } from 'vitest';
import { BodyCache } from '../../../lib/broker/bodies/body-cache.ts';
import { browse } from '../../../lib/broker/verbs/browse.ts';
import { send } from '../../../lib/broker/verbs/send.ts';
import { subscribe } from '../../../lib/broker/verbs/subscribe.ts';
import type { Environment } from '../../../lib/handlers/environment.ts';
import { localLimits } from '../../../lib/model/limits.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Store } from '../../../lib/store/port.ts';
import { environmentOn, storeWith } from './environment.ts';

const READ_BYTES = 64 * 1024;
const BODY_BYTES = 1000;
const MESSAGES = 300;
const queue = { kind: 'queue', name: 'q' } as const;

/** Octets as they come from the network: in the midst of much else. */
function viewOf(octets: Uint8Array): Uint8Array {
  const read = new Uint8Array(READ_BYTES + octets.byteLength);
  read.set(octets, READ_BYTES / 2);
  return read.subarray(READ_BYTES / 2, READ_BYTES / 2 + octets.byteLength);
}

/** A memory store that says which blobs it was given. */
function keyedStore(keys: string[], found: (octets: Uint8Array) => Uint8Array = (octets) => octets): Store {
  return storeWith((inner) => ({
    async append(shard, append) {
      keys.push(...append.blobs.map(({ key }) => key));
      return await inner.append(shard, append);
    },
    async getBlobs(shard, wanted) {
      const blobs = await inner.getBlobs(shard, wanted);
      return new Map([...blobs].map(([key, octets]) => [key, found(octets)]));
    },
  }));
}

/** The memory that these octets keep: all of what they are views of, once. */
function heldBy(octets: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const { byteLength } of new Set(octets.map(({ buffer }) => buffer))) bytes += byteLength;
  return bytes;
}

/** Somebody who has room for one message, and answers nothing. */
function takeOne({ broker }: Pick<Environment, 'broker'>): Promise<void> {
  const where = { destination: queue, connection: 'connection', subscription: 'subscription' };
  return subscribe(broker, { ...where, consumer: broker.random.id(), ack: 'client-individual', prefetch: 1 });
}

async function fill(store: Store, begin = async (_: Environment) => {}) {
  const environment = environmentOn(store, { limits: localLimits });
  await begin(environment);
  await environment.afterwards.idle();
  for (let at = 0; at < MESSAGES; at++) {
    const message = { body: viewOf(Buffer.alloc(BODY_BYTES, at)), text: false, headers: {} };
    await send(environment.broker, queue, [message]);
    await environment.afterwards.idle();
  }
  return environment;
}

function cachedBodies(cache: BodyCache, keys: readonly string[]): readonly Uint8Array[] {
  return keys.flatMap((key) => (cache.get('/queue/q', key)?.batch ?? []).map(({ body }) => body));
}

it('bodies that were sent and wait keep nothing of the reads in which they came', async () => {
  const keys: string[] = [];
  const { broker } = await fill(keyedStore(keys), takeOne);
  const bodies = cachedBodies(broker.bodies, keys);
  expect(bodies).toHaveLength(MESSAGES);
  expect(Buffer.from(bodies[7] as Uint8Array)).toEqual(Buffer.alloc(BODY_BYTES, 7));
  expect(heldBy(bodies)).toBeLessThanOrEqual(2 * MESSAGES * BODY_BYTES);
});

it('bodies that were read and are kept at hand keep nothing of what they were read with', async () => {
  const keys: string[] = [];
  const store = keyedStore(keys, viewOf);
  await fill(store);
  const { broker } = environmentOn(store, { limits: localLimits });
  await browse(broker, 'q', 0, MESSAGES);
  const bodies = cachedBodies(broker.bodies, keys);
  expect(bodies).toHaveLength(MESSAGES);
  expect(heldBy(bodies)).toBeLessThanOrEqual(2 * MESSAGES * BODY_BYTES);
});

it('bodies that were sent where nobody is are not kept at hand', async () => {
  const keys: string[] = [];
  const { broker } = await fill(keyedStore(keys));
  expect(keys).toHaveLength(MESSAGES);
  expect(cachedBodies(broker.bodies, keys)).toEqual([]);
});

it('messages of one request that came in one read share one copy', async () => {
  const keys: string[] = [];
  const environment = environmentOn(keyedStore(keys), { limits: localLimits });
  const { broker } = environment;
  await takeOne(environment);
  await environment.afterwards.idle();
  const read = new Uint8Array(READ_BYTES);
  const messages = [0, 1, 2].map((at) => ({
    body: read.fill(at, at * 99, at * 99 + 9).subarray(at * 99, at * 99 + 9),
  }));
  await send(
    broker,
    queue,
    messages.map((message) => ({ ...message, text: false, headers: {} })),
  );
  const bodies = cachedBodies(broker.bodies, keys);
  expect(bodies.map((body) => [...body])).toEqual([0, 1, 2].map((at) => Array(9).fill(at)));
  expect(heldBy(bodies)).toBe(27);
});

it('bodies and states in a store in memory keep nothing but themselves', async () => {
  const keys: string[] = [];
  const store = keyedStore(keys);
  await fill(store);
  const blobs = [...(await store.getBlobs('/queue/q', keys)).values()];
  expect(heldBy(blobs)).toBeLessThanOrEqual(2 * MESSAGES * (BODY_BYTES + 100));
  const state = (await store.readHead('/queue/q'))?.state as Uint8Array;
  expect(state.buffer.byteLength).toBeLessThanOrEqual(2 * state.byteLength);
});

it('a record in a store in memory keeps nothing but itself', async () => {
  const store = new MemoryStore();
  await store.putRecord({ family: 'f', name: 'n' }, viewOf(Buffer.from('value')));
  expect((await store.getRecord({ family: 'f', name: 'n' }))?.buffer.byteLength).toBe(5);
});

it('what is kept at hand is bounded for messages without a body, too', () => {
  const cache = new BodyCache(100_000);
  const message = { body: new Uint8Array(), text: true, headers: {}, timestamp: 0 };
  const batch = Array.from({ length: 10 }, () => message);
  for (let at = 0; at < 1000; at++) cache.put('/queue/q', `${at}`, { batch }, 0);
  const kept = Array.from({ length: 1000 }, (_, at) => cache.get('/queue/q', `${at}`)).filter((found) => found);
  expect(kept.length).toBeGreaterThan(10);
  expect(kept.length).toBeLessThan(100);
  expect(cache.get('/queue/q', '999')).toBeDefined();
});
