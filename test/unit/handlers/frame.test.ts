import type { Context } from 'aws-lambda';
import { expect, it } from 'vitest';
import { readConnection } from '../../../lib/broker/connections.ts';
import type { PostOutcome } from '../../../lib/gateway/push.ts';
import { connectHandler } from '../../../lib/handlers/connect.ts';
import { frameHandler } from '../../../lib/handlers/frame.ts';
import type { Parts } from '../../../lib/handlers/parts.ts';
import { BrokerError } from '../../../lib/model/errors.ts';
import { cloudLimits } from '../../../lib/model/limits.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Store } from '../../../lib/store/port.ts';
import { benchOn, storeWith } from '../broker/bench.ts';

const context = {} as Context;
const event = { requestContext: { connectionId: 'c' } };
const connectFrame = 'CONNECT\naccept-version:1.2\nhost:a\n\n\0';
const sendFrame = 'SEND\ndestination:q\nreceipt:r\n\nbody\0';

/** A connection on a store, and what its client gets; `outcomes` are those of the first posts. */
async function openOn(store: Store, outcomes: PostOutcome[] = [], parts: Partial<Parts> = {}) {
  const got: string[] = [];
  const seen = { isClosed: false, posts: 0 };
  const push = {
    post: async (_connection: string, octets: Uint8Array) => {
      seen.posts++;
      const outcome = outcomes.shift() ?? 'sent';
      if (outcome === 'sent') got.push(Buffer.from(octets).toString());
      return outcome;
    },
    close: async () => {
      seen.isClosed = true;
    },
    isOpen: async () => !seen.isClosed,
  };
  const bench = benchOn(store, { push, ...parts });
  await connectHandler(bench)(event, context);
  const take = (body: string) => frameHandler(bench)({ ...event, body }, context);
  return { bench, take, got, seen };
}

it('repeats a reply that is throttled', async () => {
  const { take, got, seen } = await openOn(new MemoryStore(), ['sent', 'refused', 'refused']);
  await take(connectFrame);
  await take(sendFrame);
  expect(got.map((frame) => frame.split('\n')[0])).toEqual(['CONNECTED', 'RECEIPT']);
  expect(seen.isClosed).toBe(false);
});

it('ends the connection when a reply stays throttled, for its client waits for it', async () => {
  const outcomes: PostOutcome[] = ['sent', ...Array<PostOutcome>(1000).fill('refused')];
  const { take, got, seen } = await openOn(new MemoryStore(), outcomes, { limits: { ...cloudLimits, retryMs: 50 } });
  await take(connectFrame);
  await take(sendFrame);
  expect(got.length).toBe(1);
  expect(seen).toMatchObject({ isClosed: true });
});

it('lets a consumer have its message while the reply to the producer is held up', async () => {
  const held = Promise.withResolvers<PostOutcome>();
  const arrived = Promise.withResolvers<string>();
  const frames: string[] = [];
  const post = async (connection: string, octets: Uint8Array): Promise<PostOutcome> => {
    const frame = Buffer.from(octets).toString();
    if (connection === 'consumer' && frame.startsWith('MESSAGE')) arrived.resolve(frame);
    frames.push(frame);
    if (!frame.startsWith('RECEIPT')) return 'sent';
    return frames.filter((other) => other === frame).length === 1 ? 'refused' : held.promise;
  };
  const bench = benchOn(new MemoryStore(), { push: { post, close: async () => {}, isOpen: async () => true } });
  const take = async (connectionId: string, body: string) => {
    await frameHandler(bench)({ requestContext: { connectionId }, body }, context);
  };
  for (const connectionId of ['consumer', 'producer']) {
    await connectHandler(bench)({ requestContext: { connectionId } }, context);
    await take(connectionId, connectFrame);
  }
  await take('consumer', 'SUBSCRIBE\nid:s\ndestination:q\nack:client-individual\n\n\0');
  const taken = take('producer', sendFrame);
  expect(await arrived.promise).toContain('body');
  held.resolve('sent');
  await taken;
});

it('ends the connection when nobody knows whether a reply arrived, and does not repeat it', async () => {
  const { take, seen } = await openOn(new MemoryStore(), ['sent', 'unknown']);
  await take(connectFrame);
  await take(sendFrame);
  expect(seen).toEqual({ isClosed: true, posts: 2 });
});

it('tells in STOMP of a connection record that cannot be read, with the receipt that was asked for', async () => {
  let isDown = false;
  const store = storeWith((inner) => ({
    async getRecord(key) {
      if (isDown) throw new BrokerError('UNAVAILABLE', 'The store does not answer.');
      return await inner.getRecord(key);
    },
  }));
  const { take, got, seen } = await openOn(store);
  await take(connectFrame);
  isDown = true;
  await expect(take(sendFrame)).resolves.toEqual({ statusCode: 200 });
  expect(got.at(-1)).toMatch(/^ERROR\nmessage:unavailable\ncode:UNAVAILABLE\nreceipt-id:r\n/);
  expect(seen.isClosed).toBe(true);
});

it('opens one session for two CONNECT frames that are handled at once', async () => {
  const { bench, take, got } = await openOn(new MemoryStore());
  await Promise.all([take(connectFrame), take(connectFrame)]);
  expect(got.map((frame) => frame.split('\n')[0]).sort()).toEqual(['CONNECTED', 'ERROR']);
  expect(got.join()).toContain('ALREADY_CONNECTED');
  expect(await readConnection(bench.broker, 'c')).toMatchObject({ version: '1.2' });
});

it('tells a client that did not wait for CONNECTED what it has to wait for', async () => {
  const { take, got, seen } = await openOn(new MemoryStore());
  await take(sendFrame);
  expect(got.at(-1)).toMatch(/code:NOT_CONNECTED\nreceipt-id:r\n[\s\S]*follow CONNECTED/);
  expect(seen.isClosed).toBe(true);
});
