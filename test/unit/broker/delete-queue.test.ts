import { expect, it } from 'vitest';
import { createQueue, deleteQueue, describeQueue } from '../../../lib/broker/verbs/queues.ts';
import { send } from '../../../lib/broker/verbs/send.ts';
import { subscribe } from '../../../lib/broker/verbs/subscribe.ts';
import { environmentOn, storeWith, textMessage } from './environment.ts';

it('a queue that gets a consumer while it is being deleted stays', async () => {
  const store = storeWith((inner) => ({
    async removeHead(shard, rings) {
      const destination = { kind: 'queue', name: 'q' } as const;
      const subscription = { consumer: 'consumer-aaaaaaa', destination, connection: 'c', subscription: '2as' };
      await subscribe(environment.broker, { ...subscription, ack: 'auto', prefetch: 1 });
      await environment.afterwards.idle();
      return await inner.removeHead(shard, rings);
    },
  }));
  const environment = environmentOn(store);
  await createQueue(environment.broker, 'q');
  await send(environment.broker, { kind: 'queue', name: 'q' }, [textMessage('a')]);
  await environment.afterwards.idle();
  await expect(deleteQueue(environment.broker, 'q')).rejects.toMatchObject({ code: 'QUEUE_IN_USE' });
});

it('a deletion that is refused takes no message', async () => {
  let isUsed = true;
  const environment = environmentOn(
    storeWith((inner) => ({
      async removeHead(shard, rings) {
        if (isUsed) {
          await send(environment.broker, { kind: 'queue', name: 'q' }, [textMessage('b')]);
          await environment.afterwards.idle();
        }
        return await inner.removeHead(shard, rings);
      },
    })),
  );
  await send(environment.broker, { kind: 'queue', name: 'q' }, [textMessage('a')]);
  await environment.afterwards.idle();
  await expect(deleteQueue(environment.broker, 'q')).rejects.toMatchObject({ code: 'QUEUE_IN_USE' });
  const { depth } = await describeQueue(environment.broker, 'q');
  expect(depth).toBe(6);
  isUsed = false;
  await deleteQueue(environment.broker, 'q');
  await expect(describeQueue(environment.broker, 'q')).rejects.toMatchObject({ code: 'NOT_FOUND' });
});
