import { expect, it } from 'vitest';
import { createQueue, deleteQueue, describeQueue } from '../../../lib/broker/queues.ts';
import { send } from '../../../lib/broker/send.ts';
import { subscribe } from '../../../lib/broker/subscribe.ts';
import { benchOn, storeWith, textMessage } from './bench.ts';

it('a queue that gets a consumer while it is being deleted stays', async () => {
  const store = storeWith((inner) => ({
    async removeHead(shard, rings, discard) {
      const destination = { kind: 'queue', name: 'q' } as const;
      const subscription = { consumer: 'consumer-aaaaaaa', destination, connection: 'c', subscription: '2as' };
      await subscribe(bench.broker, { ...subscription, ack: 'auto', prefetch: 1 });
      await bench.afterwards.settled();
      return await inner.removeHead(shard, rings, discard);
    },
  }));
  const bench = benchOn(store);
  await createQueue(bench.broker, 'q');
  await send(bench.broker, { kind: 'queue', name: 'q' }, [textMessage('a')]);
  await bench.afterwards.settled();
  await expect(deleteQueue(bench.broker, 'q')).rejects.toMatchObject({ code: 'QUEUE_IN_USE' });
});

it('a deletion that is refused takes no message', async () => {
  let isUsed = true;
  const bench = benchOn(
    storeWith((inner) => ({
      async removeHead(shard, rings, discard) {
        if (isUsed) {
          await send(bench.broker, { kind: 'queue', name: 'q' }, [textMessage('b')]);
          await bench.afterwards.settled();
        }
        return await inner.removeHead(shard, rings, discard);
      },
    })),
  );
  await send(bench.broker, { kind: 'queue', name: 'q' }, [textMessage('a')]);
  await bench.afterwards.settled();
  await expect(deleteQueue(bench.broker, 'q')).rejects.toMatchObject({ code: 'QUEUE_IN_USE' });
  const { depth } = await describeQueue(bench.broker, 'q');
  expect(depth).toBe(6);
  isUsed = false;
  await deleteQueue(bench.broker, 'q');
  await expect(describeQueue(bench.broker, 'q')).rejects.toMatchObject({ code: 'NOT_FOUND' });
});
