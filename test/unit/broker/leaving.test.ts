import { expect, it } from 'vitest';
import { receive } from '../../../lib/broker/verbs/receive.ts';
import { send } from '../../../lib/broker/verbs/send.ts';
import { subscribe, unsubscribe } from '../../../lib/broker/verbs/subscribe.ts';
import { encodeEntry } from '../../../lib/shard/codec/entry.ts';
import type { Store } from '../../../lib/store/port.ts';
import { environmentOn, storeWith, textMessage } from './environment.ts';

const q = { kind: 'queue', name: 'q' } as const;
const consumer = 'a-consumer-that-leaves';
const modes = ['auto', 'client', 'client-individual'] as const;

/** A broker on this store, and what its connections were sent. */
function brokerOn(store: Store) {
  const posts: string[] = [];
  const push = {
    post: async (_: string, octets: Uint8Array | string) => {
      posts.push(Buffer.from(octets).toString());
      return 'sent' as const;
    },
    close: async () => {},
    isOpen: async () => true,
  };
  return { ...environmentOn(store, { push, cacheBytes: 0, endsWithReply: false }), posts };
}

it.each(modes)('a consumer that leaves while a turn is taken gets nothing after its receipt (ack:%s)', async (ack) => {
  let isLeaving = false;
  const { broker, afterwards, posts } = brokerOn(
    storeWith((inner) => ({
      async getBlobs(shard, keys) {
        const found = await inner.getBlobs(shard, keys);
        if (isLeaving) await unsubscribe(broker, q, [consumer], 'unsubscribed');
        isLeaving = false;
        return found;
      },
    })),
  );
  const subscription = { consumer, destination: q, connection: 'c', subscription: '2sa', prefetch: 5 };
  await subscribe(broker, { ...subscription, ack });
  await afterwards.idle();
  isLeaving = true;
  await send(broker, q, [textMessage('a')]);
  await afterwards.idle();
  expect(posts).toEqual([]);
  const found = await receive(broker, 'q', { max: 10, waitMs: 0, visibilityMs: 30_000 });
  expect(found).toMatchObject([{ redelivered: false, deliveryCount: 1 }]);
});

it('a consumer that left by another process while its messages were committed gets none of them', async () => {
  let isLeaving = false;
  const entry = encodeEntry({ id: 'leave-id', attempt: 1, kind: 'leave', consumer, reason: 'unsubscribed' });
  const { broker, afterwards, posts } = brokerOn(
    storeWith((inner) => ({
      async commit(shard, commit) {
        const append = { blobs: [], entries: [entry], ring: undefined, room: 64, minute: 1, mustExist: true };
        if (isLeaving) await inner.append(shard, append);
        isLeaving = false;
        return await inner.commit(shard, commit);
      },
    })),
  );
  const subscription = { consumer, destination: q, connection: 'c', subscription: '2ca', prefetch: 5 };
  await subscribe(broker, { ...subscription, ack: 'client' });
  await afterwards.idle();
  isLeaving = true;
  await send(broker, q, [textMessage('a')]);
  await afterwards.idle();
  expect(posts).toEqual([]);
});
