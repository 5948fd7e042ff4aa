import type { Context } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import type { PostOutcome } from '../../../lib/gateway/push.ts';
import { connectHandler } from '../../../lib/handlers/connect.ts';
import { dispatchHandler } from '../../../lib/handlers/dispatch.ts';
import type { DispatchEvent } from '../../../lib/handlers/events.ts';
import { frameHandler } from '../../../lib/handlers/frame.ts';
import { cloudLimits } from '../../../lib/model/limits.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';
import { environmentOn } from '../broker/environment.ts';
import { restCalls } from './rest-calls.ts';

const noContext = {} as Context;

/** A subscriber who takes what it is posted when it is told to. */
async function subscribed(destination: string, isInvokable = true) {
  const store = new MemoryStore();
  const slow = Promise.withResolvers<PostOutcome>();
  const posted: string[] = [];
  const push = {
    post: async (_connection: string, octets: Uint8Array): Promise<PostOutcome> => {
      const text = Buffer.from(octets).toString();
      if (!text.startsWith('MESSAGE')) return 'sent';
      posted.push(text);
      return await slow.promise;
    },
    close: async () => {},
    isOpen: async () => true,
  };
  const dispatched: DispatchEvent[] = [];
  const environment = environmentOn(store, {
    push,
    dispatch: async (shard, nonce) => {
      if (!isInvokable) throw new Error('Lambda does not answer.');
      dispatched.push({ shard, nonce });
    },
  });
  const event = { requestContext: { connectionId: 'c' }, isBase64Encoded: false };
  await connectHandler(environment)(event, noContext);
  const frame = frameHandler(environment);
  await frame({ ...event, body: 'CONNECT\naccept-version:1.2\nhost:x\n\n\0' }, noContext);
  await frame({ ...event, body: `SUBSCRIBE\nid:1\ndestination:${destination}\nack:auto\n\n\0` }, noContext);
  const dispatch = dispatchHandler(environmentOn(store, { push }));
  return { call: restCalls(environment), store, slow, posted, dispatched, dispatch };
}

describe('a request to the REST function', () => {
  it.each([
    ['queue', '/queue/q'],
    ['topic', '/topic/q'],
  ])('that sends to a %s has its reply before a slow subscriber has the message', async (kind, destination) => {
    const { call, slow, posted, dispatched, dispatch } = await subscribed(destination);
    expect(await call('POST', `/v1/${kind}s/q/messages`, { body: 'x' })).toEqual({ messageId: expect.any(String) });
    expect(posted).toEqual([]);
    expect(dispatched).toEqual([{ shard: destination, nonce: expect.any(String) }]);
    slow.resolve('sent');
    await dispatch(dispatched[0] as DispatchEvent, noContext);
    expect(posted).toHaveLength(1);
  });

  it('does the work itself where nobody is there to be pushed to', async () => {
    const { call, store, dispatched } = await subscribed('/queue/other');
    await call('POST', '/v1/queues/q/messages', { body: 'x' });
    expect(dispatched).toEqual([]);
    expect(await store.readHead('/queue/q')).toMatchObject({ inbox: [], lease: undefined });
  });

  it('does the work itself where no other invocation can be had', async () => {
    const { call, slow, posted } = await subscribed('/queue/q', false);
    slow.resolve('sent');
    await call('POST', '/v1/queues/q/messages', { body: 'x' });
    expect(posted).toHaveLength(1);
  });

  it('that receives ends in its time, though it waits, and another holds the queue', async () => {
    const limits = { ...cloudLimits, leaseMs: 300, skewMs: 60_000, waitMs: 500, requestMs: 1000, retryMs: 10_000 };
    const store = new MemoryStore();
    const call = restCalls(environmentOn(store, { limits }));
    await call('POST', '/v1/queues/q/messages', { body: 'x' });
    const ring = { nonce: 'another', until: Date.now() + 60_000 };
    await store.append('/queue/q', { blobs: [], entries: [], ring, room: 64, minute: 1, mustExist: true });
    const begun = performance.now();
    expect(await call('POST', '/v1/queues/q/receive', { waitSeconds: 0.5 })).toEqual({ messages: [] });
    expect(performance.now() - begun).toBeLessThan(1900);
  });
});
