import { expect, it } from 'vitest';
import { send } from '../../../lib/broker/send.ts';
import { sweep } from '../../../lib/broker/sweep.ts';
import { benchOn, storeWith, textMessage } from './bench.ts';

it('a shard that does not answer keeps the sweep from no other', async () => {
  const settled = Promise.withResolvers<string>();
  const never = new Promise<never>(() => {});
  let isStuck = false;
  const { broker, afterwards } = benchOn(
    storeWith((inner) => ({
      readHead: (shard) => (isStuck && shard === '/queue/first' ? never : inner.readHead(shard)),
      async settle(due, rings) {
        settled.resolve(due.shard);
        return await inner.settle(due, rings);
      },
    })),
  );
  for (const queue of ['first', 'second']) await send(broker, { kind: 'queue', name: queue }, [textMessage('a')]);
  await afterwards.settled();
  isStuck = true;
  void sweep(broker);
  expect(await settled.promise).toBe('/queue/second');
});
