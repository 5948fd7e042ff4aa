import { expect, it } from 'vitest';
import { createQueue, deleteQueue, describeQueue } from '../../../lib/broker/queues.ts';
import { subscribe } from '../../../lib/broker/subscribe.ts';
import { cloudLimits } from '../../../lib/model/limits.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';
import { benchOn } from './bench.ts';

/** A queue with room for two consumers, and connections that may vanish without a word. */
function smallQueue() {
  const gone = new Set<string>();
  const bench = benchOn(new MemoryStore(), {
    limits: { ...cloudLimits, consumersPerShard: 2 },
    push: { post: async () => 'sent', close: async () => {}, isOpen: async (connection) => !gone.has(connection) },
  });
  const join = async (connection: string) => {
    const destination = { kind: 'queue', name: 'q' } as const;
    const consumer = `${connection}-is-a-consumer`;
    const subscription = { consumer, destination, connection, subscription: '2as', prefetch: 1 };
    await subscribe(bench.broker, { ...subscription, ack: 'auto' });
    await bench.afterwards.settled();
  };
  return { bench, gone, join };
}

it('a queue takes as many consumers as it may have, and those stay', async () => {
  const { bench, join } = smallQueue();
  await join('a');
  await join('b');
  await expect(join('c')).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  await bench.afterwards.settled();
  expect(await describeQueue(bench.broker, 'q')).toMatchObject({ consumers: 2 });
});

it('consumers that are gone unnoticed keep their places no longer than until somebody wants one', async () => {
  const { bench, gone, join } = smallQueue();
  await join('a');
  await join('b');
  gone.add('a');
  await expect(join('c')).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  await bench.afterwards.settled();
  await join('d');
  expect(await describeQueue(bench.broker, 'q')).toMatchObject({ consumers: 2 });
});

it('a queue whose consumers are all gone can be deleted', async () => {
  const { bench, gone, join } = smallQueue();
  await createQueue(bench.broker, 'q');
  await join('a');
  await expect(deleteQueue(bench.broker, 'q')).rejects.toMatchObject({ code: 'QUEUE_IN_USE' });
  gone.add('a');
  await deleteQueue(bench.broker, 'q');
  await expect(describeQueue(bench.broker, 'q')).rejects.toMatchObject({ code: 'NOT_FOUND' });
});
