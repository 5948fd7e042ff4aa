import { expect, it } from 'vitest';
import { createQueue, listQueues, recordQueue } from '../../../lib/broker/verbs/queues.ts';
import { BrokerError } from '../../../lib/model/errors.ts';
import { environmentOn, storeWith } from './environment.ts';

it('a short list of the few queues that are shown takes no read for each of the others', async () => {
  let reads = 0;
  const store = storeWith((inner) => ({
    async listRecords(family, after, limit) {
      reads++;
      return await inner.listRecords(family, after, limit);
    },
  }));
  const { broker } = environmentOn(store);
  for (let i = 0; i < 50; i++) await createQueue(broker, `other.${i}`);
  await createQueue(broker, 'shown');
  const queues = await listQueues(broker, '', 1, (name) => name === 'shown');
  expect(queues.map(({ name }) => name)).toEqual(['shown']);
  expect(reads).toBe(1);
});

it('shows those that can be read beside those that cannot, and says which is which', async () => {
  const store = storeWith((inner) => ({
    async readHead(shard) {
      if (shard === '/queue/away') throw new BrokerError('UNAVAILABLE', 'DynamoDB does not answer.');
      if (shard === '/queue/broken') throw new BrokerError('CORRUPT', 'It cannot be read.');
      return await inner.readHead(shard);
    },
  }));
  const logged: unknown[] = [];
  const { broker } = environmentOn(store, {
    log: (event, details, error) => logged.push([event, details, error?.code]),
  });
  for (const name of ['away', 'broken', 'here']) await recordQueue(broker, name);
  const queues = await listQueues(broker, '', 10);
  expect(queues.map(({ name, damaged, unavailable }) => [name, damaged, unavailable])).toEqual([
    ['away', undefined, true],
    ['broken', true, undefined],
    ['here', undefined, undefined],
  ]);
  expect(logged).toEqual([['queues not read', { shard: '/queue/away', queues: 1 }, 'UNAVAILABLE']]);
});
