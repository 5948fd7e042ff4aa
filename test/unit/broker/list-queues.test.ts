import { expect, it } from 'vitest';
import { createQueue, listQueues } from '../../../lib/broker/queues.ts';
import { benchOn, storeWith } from './bench.ts';

it('a short list of the few queues that are shown takes no read for each of the others', async () => {
  let reads = 0;
  const store = storeWith((inner) => ({
    async listRecords(family, after, limit) {
      reads++;
      return await inner.listRecords(family, after, limit);
    },
  }));
  const { broker } = benchOn(store);
  for (let i = 0; i < 50; i++) await createQueue(broker, `other.${i}`);
  await createQueue(broker, 'shown');
  const queues = await listQueues(broker, '', 1, (name) => name === 'shown');
  expect(queues.map(({ name }) => name)).toEqual(['shown']);
  expect(reads).toBe(1);
});
