import type { Context } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import { readConnection } from '../../../lib/broker/sessions/connections.ts';
import { createQueue, describeQueue } from '../../../lib/broker/verbs/queues.ts';
import type { PostOutcome } from '../../../lib/gateway/push.ts';
import { connectHandler } from '../../../lib/handlers/connect.ts';
import type { Environment, EnvironmentParts } from '../../../lib/handlers/environment.ts';
import { frameHandler } from '../../../lib/handlers/frame.ts';
import { BrokerError } from '../../../lib/model/errors.ts';
import { cloudLimits, localLimits } from '../../../lib/model/limits.ts';
import { decodeEntry } from '../../../lib/shard/codec/entry.ts';
import { countingStore } from '../../../lib/store/counting.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Store } from '../../../lib/store/port.ts';
import { environmentOn, storeWith } from '../broker/environment.ts';

const context = {} as Context;
const event = { requestContext: { connectionId: 'c' } };
const connectFrame = 'CONNECT\naccept-version:1.2\nhost:a\n\n\0';
const sendFrame = 'SEND\ndestination:q\nreceipt:r\n\nbody\0';

/** A connection on a store, and what its client gets; `outcomes` are those of the first posts. */
async function openOn(store: Store, outcomes: PostOutcome[] = [], parts: Partial<EnvironmentParts> = {}) {
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
  const environment = environmentOn(store, { push, ...parts });
  await connectHandler(environment)(event, context);
  const take = (body: string) => frameHandler(environment)({ ...event, body }, context);
  return { environment, take, got, seen };
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
  const environment = environmentOn(new MemoryStore(), {
    push: { post, close: async () => {}, isOpen: async () => true },
  });
  const take = async (connectionId: string, body: string) => {
    await frameHandler(environment)({ requestContext: { connectionId }, body }, context);
  };
  for (const connectionId of ['consumer', 'producer']) {
    await connectHandler(environment)({ requestContext: { connectionId } }, context);
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
  const { environment, take, got } = await openOn(new MemoryStore());
  await Promise.all([take(connectFrame), take(connectFrame)]);
  expect(got.map((frame) => frame.split('\n')[0]).sort()).toEqual(['CONNECTED', 'ERROR']);
  expect(got.join()).toContain('ALREADY_CONNECTED');
  expect(await readConnection(environment.broker, 'c')).toMatchObject({ version: '1.2' });
});

it('tells a client that did not wait for CONNECTED what it has to wait for', async () => {
  const { take, got, seen } = await openOn(new MemoryStore());
  await take(sendFrame);
  expect(got.at(-1)).toMatch(/code:NOT_CONNECTED\nreceipt-id:r\n[\s\S]*follow CONNECTED/);
  expect(seen.isClosed).toBe(true);
});

const subscribeFrame = 'SUBSCRIBE\nid:s\ndestination:q\nreceipt:sub\n\n\0';
const unsubscribeFrame = 'UNSUBSCRIBE\nid:s\nreceipt:unsub\n\n\0';
const receipts = (got: readonly string[]) => got.flatMap((frame) => /receipt-id:(.*)/.exec(frame)?.[1] ?? []);

async function consumersOf({ broker }: Environment): Promise<number> {
  return (await describeQueue(broker, 'q')).consumers;
}

describe('where the messages of a connection are handled in any order', () => {
  it('an UNSUBSCRIBE that comes before its SUBSCRIBE ends it', async () => {
    const { environment, take, got, seen } = await openOn(new MemoryStore());
    await take(connectFrame);
    await createQueue(environment.broker, 'q');
    await take(unsubscribeFrame);
    await take(subscribeFrame);
    expect(receipts(got)).toEqual(['unsub', 'sub']);
    expect(await consumersOf(environment)).toBe(0);
    expect((await readConnection(environment.broker, 'c'))?.subscriptions).toEqual([]);
    expect(seen.isClosed).toBe(false);
    // Once: an id may be used again.
    await take(subscribeFrame);
    expect(await consumersOf(environment)).toBe(1);
  });

  it('an UNSUBSCRIBE that comes twice ends no later subscription of that id', async () => {
    const { environment, take, got } = await openOn(new MemoryStore());
    await take(connectFrame);
    await createQueue(environment.broker, 'q');
    for (const frame of [subscribeFrame, unsubscribeFrame, unsubscribeFrame, subscribeFrame]) await take(frame);
    expect(receipts(got)).toEqual(['sub', 'unsub', 'unsub', 'sub']);
    expect(await consumersOf(environment)).toBe(1);
    // The same after one that came before its SUBSCRIBE.
    const { environment: other, take: hand } = await openOn(new MemoryStore());
    await hand(connectFrame);
    for (const frame of [unsubscribeFrame, subscribeFrame, unsubscribeFrame, subscribeFrame]) await hand(frame);
    expect(await consumersOf(other)).toBe(1);
  });

  it('an UNSUBSCRIBE that comes while its SUBSCRIBE is under way leaves no consumer behind', async () => {
    const joining = Promise.withResolvers<void>();
    const left = Promise.withResolvers<void>();
    const store = storeWith((inner) => ({
      async append(shard, append) {
        const [kind] = append.entries.map((bytes) => decodeEntry(bytes).kind);
        if (kind === 'join') {
          joining.resolve();
          await left.promise;
        }
        return await inner.append(shard, append);
      },
    }));
    const { environment, take, got } = await openOn(store);
    await take(connectFrame);
    await createQueue(environment.broker, 'q');
    const subscribing = take(subscribeFrame);
    await joining.promise;
    await take(unsubscribeFrame);
    left.resolve();
    await subscribing;
    expect(receipts(got)).toEqual(['unsub', 'sub']);
    expect(await consumersOf(environment)).toBe(0);
  });

  it('one that stays alone is forgotten in time', async () => {
    let now = 1e12;
    const clock = { now: () => now, date: () => now, sleep: async () => {} };
    const { environment, take } = await openOn(new MemoryStore(), [], { clock });
    await take(connectFrame);
    await take(unsubscribeFrame);
    now += 31_000;
    await take(subscribeFrame);
    expect(await consumersOf(environment)).toBe(1);
  });

  it('what is handled after a DISCONNECT ends in no ERROR', async () => {
    const { take, got } = await openOn(new MemoryStore());
    await take(connectFrame);
    await take('DISCONNECT\nreceipt:bye\n\n\0');
    for (const frame of [subscribeFrame, unsubscribeFrame, 'FETCH\n\n\0']) await take(frame);
    expect(got.map((frame) => frame.split('\n')[0])).toEqual(['CONNECTED', 'RECEIPT']);
    expect(receipts(got)).toEqual(['bye']);
  });
});

it('where order is kept, an UNSUBSCRIBE of what was never subscribed is refused', async () => {
  const { take, got } = await openOn(new MemoryStore(), [], { limits: localLimits });
  await take(connectFrame);
  await take(unsubscribeFrame);
  expect(got.at(-1)).toContain('UNKNOWN_SUBSCRIPTION');
});

describe('a browse', () => {
  const browseFrame = 'SUBSCRIBE\nid:s\ndestination:q\nbrowser:true\n\n\0';

  it('that fails ends in an ERROR, for its client waits for its end', async () => {
    let isDown = false;
    const store = storeWith((inner) => ({
      async getBlobs(shard, keys) {
        if (isDown) throw new BrokerError('UNAVAILABLE', 'The store does not answer.');
        return await inner.getBlobs(shard, keys);
      },
    }));
    const { environment, take, got, seen } = await openOn(store, [], { cacheBytes: 0 });
    await take(connectFrame);
    await take(sendFrame);
    isDown = true;
    await take(browseFrame);
    await environment.afterwards.idle();
    expect(got.at(-1)).toContain('code:UNAVAILABLE');
    expect(seen.isClosed).toBe(true);
  });

  it('that a connection puts off for too long ends in an ERROR', async () => {
    let now = 1e12;
    const sleep = async (ms: number) => {
      now += ms;
    };
    const refused = Array<PostOutcome>(200).fill('refused');
    const clock = { now: () => now, date: () => now, sleep };
    const { environment, take, got, seen } = await openOn(new MemoryStore(), ['sent', 'sent', ...refused], { clock });
    await take(connectFrame);
    await take(sendFrame);
    const begun = now;
    const taking = take(browseFrame);
    await Promise.all([taking, environment.afterwards.idle()]);
    expect(now - begun).toBeLessThanOrEqual(25_000);
    expect(seen.isClosed).toBe(true);
    expect(got.filter((frame) => frame.startsWith('MESSAGE'))).toEqual([]);
  });
});

it('reads nothing for a heart-beat', async () => {
  const counting = countingStore(new MemoryStore());
  const { take } = await openOn(counting.store);
  await take(connectFrame);
  counting.reset();
  for (const beat of ['\n', '\r\n', '\n\n', '']) await take(beat);
  expect(counting.counts().total).toMatchObject({ reads: 0, writes: 0 });
});
