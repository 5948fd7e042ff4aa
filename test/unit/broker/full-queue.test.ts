import { expect, it } from 'vitest';
import { createQueue, deleteQueue, describeQueue } from '../../../lib/broker/verbs/queues.ts';
import { subscribe } from '../../../lib/broker/verbs/subscribe.ts';
import { cloudLimits } from '../../../lib/model/limits.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';
import { environmentOn } from './environment.ts';

/** A queue with room for two consumers, and connections that may vanish without a word. */
function smallQueue() {
  const gone = new Set<string>();
  const environment = environmentOn(new MemoryStore(), {
    limits: { ...cloudLimits, consumersPerShard: 2 },
    push: { post: async () => 'sent', close: async () => {}, isOpen: async (connection) => !gone.has(connection) },
  });
  const join = async (connection: string) => {
    const destination = { kind: 'queue', name: 'q' } as const;
    const consumer = `${connection}-is-a-consumer`;
    const subscription = { consumer, destination, connection, subscription: '2as', prefetch: 1 };
    await subscribe(environment.broker, { ...subscription, ack: 'auto' });
    await environment.afterwards.idle();
  };
  return { environment, gone, join };
}

it('a queue takes as many consumers as it may have, and those stay', async () => {
  const { environment, join } = smallQueue();
  await join('a');
  await join('b');
  await expect(join('c')).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  await environment.afterwards.idle();
  expect(await describeQueue(environment.broker, 'q')).toMatchObject({ consumers: 2 });
});

it('consumers that are gone unnoticed keep their places no longer than until somebody wants one', async () => {
  const { environment, gone, join } = smallQueue();
  await join('a');
  await join('b');
  gone.add('a');
  await expect(join('c')).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  await environment.afterwards.idle();
  await join('d');
  expect(await describeQueue(environment.broker, 'q')).toMatchObject({ consumers: 2 });
});

it('a queue whose consumers are all gone can be deleted', async () => {
  const { environment, gone, join } = smallQueue();
  await createQueue(environment.broker, 'q');
  await join('a');
  await expect(deleteQueue(environment.broker, 'q')).rejects.toMatchObject({ code: 'QUEUE_IN_USE' });
  gone.add('a');
  await deleteQueue(environment.broker, 'q');
  await expect(describeQueue(environment.broker, 'q')).rejects.toMatchObject({ code: 'NOT_FOUND' });
});
