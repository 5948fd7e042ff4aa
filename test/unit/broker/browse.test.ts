import { expect, it } from 'vitest';
import { browse } from '../../../lib/broker/browse.ts';
import { purgeQueue } from '../../../lib/broker/queues.ts';
import { receive } from '../../../lib/broker/receive.ts';
import { send } from '../../../lib/broker/send.ts';
import { reject } from '../../../lib/broker/settlement.ts';
import { cloudLimits } from '../../../lib/model/limits.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';
import { benchOn, storeWith, textMessage } from './bench.ts';

const bodies = (shown: Awaited<ReturnType<typeof browse>>) =>
  shown.map(({ message }) => Buffer.from(message.body).toString());

it('a message whose last delivery was rejected can be browsed until it is a dead letter', async () => {
  const store = new MemoryStore();
  const { broker, afterwards } = benchOn(store, { limits: { ...cloudLimits, deliveries: 1 } });
  await send(broker, { kind: 'queue', name: 'q' }, [textMessage('a')]);
  await afterwards.settled();
  const receiving = receive(broker, 'q', { max: 1, waitMs: 0, visibilityMs: 60_000 });
  const [delivery] = await receiving;
  await afterwards.settled();
  // A master that died right after its election: nobody takes the turn.
  const lease = { nonce: 'dead', until: Date.now() + 60_000 };
  await store.append('/queue/q', { blobs: [], entries: [], ring: lease, room: 64, minute: 1, mustExist: true });
  await reject(broker, [delivery?.token ?? '']);
  expect(bodies(await browse(broker, 'q', 0, 10))).toEqual(['a']);
});

it('a browse looks again when what it was about to read went while it read', async () => {
  let isOvertaken = true;
  const { broker, afterwards } = benchOn(
    storeWith((inner) => ({
      async getBlobs(shard, keys) {
        if (isOvertaken) {
          isOvertaken = false;
          await purgeQueue(broker, 'q');
          await afterwards.settled();
          await send(broker, { kind: 'queue', name: 'q' }, [textMessage('new')]);
          await afterwards.settled();
        }
        return await inner.getBlobs(shard, keys);
      },
    })),
    { cacheBytes: 0 },
  );
  await send(broker, { kind: 'queue', name: 'q' }, [textMessage('old')]);
  await afterwards.settled();
  expect(bodies(await browse(broker, 'q', 0, 10))).toEqual(['new']);
});
