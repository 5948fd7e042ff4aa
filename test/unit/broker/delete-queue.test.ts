import { expect, it } from 'vitest';
import { createQueue, deleteQueue } from '../../../lib/broker/queues.ts';
import { send } from '../../../lib/broker/send.ts';
import { subscribe } from '../../../lib/broker/subscribe.ts';
import { benchOn, storeWith, textMessage } from './bench.ts';

it('a queue that gets a consumer while it is being deleted stays', async () => {
  let joins = false;
  const store = storeWith((inner) => ({
    async append(shard, append) {
      if (joins) {
        joins = false;
        const subscription = { consumer: 'consumer-aaaaaaa', queue: 'q', connection: 'c', subscription: '2as' };
        await subscribe(bench.broker, { ...subscription, ack: 'auto', prefetch: 1 });
        await bench.afterwards.settled();
      }
      return await inner.append(shard, append);
    },
  }));
  const bench = benchOn(store);
  await createQueue(bench.broker, 'q');
  await send(bench.broker, 'q', [textMessage('a')]);
  await bench.afterwards.settled();
  joins = true;
  await expect(deleteQueue(bench.broker, 'q')).rejects.toMatchObject({ code: 'QUEUE_IN_USE' });
});
