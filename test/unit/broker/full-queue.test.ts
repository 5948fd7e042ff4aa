import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createQueue, deleteQueue, describeQueue } from '../../../lib/broker/verbs/queues.ts';
import { subscribe, unsubscribe } from '../../../lib/broker/verbs/subscribe.ts';
import { wake } from '../../../lib/broker/verbs/sweep.ts';
import { BrokerError } from '../../../lib/model/errors.ts';
import { cloudLimits } from '../../../lib/model/limits.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Store } from '../../../lib/store/port.ts';
import { environmentOn, storeWith } from './environment.ts';

/** A queue with room for two consumers, and connections that may vanish without a word. */
function smallQueue(store: Store = new MemoryStore()) {
  const gone = new Set<string>();
  const ahead = { ms: 0 };
  const environment = environmentOn(store, {
    limits: { ...cloudLimits, consumersPerShard: 2 },
    clock: { now: () => Date.now() + ahead.ms, date: () => Date.now() + ahead.ms, sleep },
    push: { post: async () => 'sent', close: async () => {}, isOpen: async (connection) => !gone.has(connection) },
  });
  const join = async (connection: string) => {
    const destination = { kind: 'queue', name: 'q' } as const;
    const consumer = `${connection}-is-a-consumer`;
    const subscription = { consumer, destination, connection, subscription: '2as', prefetch: 1 };
    await subscribe(environment.broker, { ...subscription, ack: 'auto' });
    await environment.afterwards.idle();
  };
  const leave = async (connection: string) => {
    const destination = { kind: 'queue', name: 'q' } as const;
    await unsubscribe(environment.broker, destination, [`${connection}-is-a-consumer`], 'unsubscribed');
    await environment.afterwards.idle();
  };
  /** Somebody else takes a turn, once nobody leads. */
  const takeTurn = async () => {
    ahead.ms += cloudLimits.leaseMs + cloudLimits.skewMs + 1;
    await wake(environment.broker, '/queue/q');
  };
  return { environment, gone, join, leave, takeTurn };
}

it('a queue takes as many consumers as it may have, and those stay', async () => {
  const { environment, join } = smallQueue();
  await join('a');
  await join('b');
  await expect(join('c')).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  await environment.afterwards.idle();
  expect(await describeQueue(environment.broker, 'q')).toMatchObject({ consumers: 2 });
});

it('who was turned away by a turn is told so, though nobody heard of the first try and there is room again', async () => {
  let onJoin: (() => Promise<void>) | undefined;
  const store = storeWith((inner) => ({
    async append(shard, append) {
      const outcome = await inner.append(shard, append);
      if (!onJoin || append.entries.length === 0) return outcome;
      const meanwhile = onJoin;
      onJoin = undefined;
      await meanwhile();
      throw new BrokerError('UNAVAILABLE', 'The reply was lost.');
    },
  }));
  const { join, leave, takeTurn } = smallQueue(store);
  await join('a');
  await join('b');
  onJoin = async () => {
    await takeTurn();
    await leave('a');
  };
  await expect(join('c')).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
  await join('d');
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
