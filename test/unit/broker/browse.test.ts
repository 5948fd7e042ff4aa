import { expect, it } from 'vitest';
import { browse } from '../../../lib/broker/verbs/browse.ts';
import { purgeQueue } from '../../../lib/broker/verbs/queues.ts';
import { receive } from '../../../lib/broker/verbs/receive.ts';
import { send } from '../../../lib/broker/verbs/send.ts';
import { reject } from '../../../lib/broker/verbs/settlement.ts';
import type { EnvironmentParts } from '../../../lib/handlers/environment.ts';
import { cloudLimits } from '../../../lib/model/limits.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';
import { environmentOn, storeWith, textMessage } from './environment.ts';

const bodies = (shown: Awaited<ReturnType<typeof browse>>) =>
  shown.messages.map(({ message }) => Buffer.from(message.body).toString());

it('a message whose last delivery was rejected can be browsed until it is a dead letter', async () => {
  const store = new MemoryStore();
  const { broker, afterwards } = environmentOn(store, { limits: { ...cloudLimits, deliveries: 1 } });
  await send(broker, { kind: 'queue', name: 'q' }, [textMessage('a')]);
  await afterwards.idle();
  const receiving = receive(broker, 'q', { max: 1, waitMs: 0, visibilityMs: 60_000 });
  const [delivery] = await receiving;
  await afterwards.idle();
  // A master that died right after its election: nobody takes the turn.
  const lease = { nonce: 'dead', until: Date.now() + 60_000 };
  await store.append('/queue/q', { blobs: [], entries: [], ring: lease, room: 64, minute: 1, mustExist: true });
  await reject(broker, [delivery?.token ?? '']);
  expect(bodies(await browse(broker, 'q', 0, 10))).toEqual(['a']);
});

it('a browse looks again when what it was about to read went while it read', async () => {
  let isOvertaken = true;
  const { broker, afterwards } = environmentOn(
    storeWith((inner) => ({
      async getBlobs(shard, keys) {
        if (isOvertaken) {
          isOvertaken = false;
          await purgeQueue(broker, 'q');
          await afterwards.idle();
          await send(broker, { kind: 'queue', name: 'q' }, [textMessage('new')]);
          await afterwards.idle();
        }
        return await inner.getBlobs(shard, keys);
      },
    })),
    { cacheBytes: 0 },
  );
  await send(broker, { kind: 'queue', name: 'q' }, [textMessage('old')]);
  await afterwards.idle();
  expect(bodies(await browse(broker, 'q', 0, 10))).toEqual(['new']);
});

/** A queue of single messages under pages that list four each, and what is read of it from then on. */
async function backlogOf(messages: number, parts: Partial<EnvironmentParts> = {}) {
  const read: string[][] = [];
  const store = storeWith((inner) => ({
    async getBlobs(shard, keys) {
      read.push([...keys]);
      return await inner.getBlobs(shard, keys);
    },
  }));
  const limits = { ...cloudLimits, referencesPerLevel: 4 };
  const environment = environmentOn(store, { limits, cacheBytes: 0, ...parts });
  for (let at = 1; at <= messages; at++) {
    await send(environment.broker, { kind: 'queue', name: 'q' }, [textMessage(`m${at}`)]);
    await environment.afterwards.idle();
  }
  read.length = 0;
  return { ...environment, read };
}

it('a browse from far behind reads what leads there, and nothing that lies before', async () => {
  const { broker, read } = await backlogOf(600);
  expect(bodies(await browse(broker, 'q', 400, 3))).toEqual(['m401', 'm402', 'm403']);
  // Some levels of pages, one after the other, and the batches.
  expect(read.length).toBeLessThanOrEqual(6);
  expect(read.flat().length).toBeLessThanOrEqual(13);
});

it('a page reads the pages of one level at once', async () => {
  const { broker, read } = await backlogOf(300);
  expect((await browse(broker, 'q', 0, 256)).messages).toHaveLength(256);
  expect(read.length).toBeLessThanOrEqual(12);
  expect(new Set(read.flat()).size).toBe(read.flat().length);
});

it('a page goes on after the one before until the last', async () => {
  const { broker } = await backlogOf(50);
  const shown: string[] = [];
  for (let after: number | undefined = 0; after !== undefined; ) {
    const page: Awaited<ReturnType<typeof browse>> = await browse(broker, 'q', after, 7);
    shown.push(...bodies(page));
    after = page.next;
  }
  expect(shown).toEqual(Array.from({ length: 50 }, (_, at) => `m${at + 1}`));
});

it('others have their turn while a browse reads', async () => {
  const { broker } = await backlogOf(300);
  let turns = 0;
  let next = setImmediate(function turn() {
    turns++;
    next = setImmediate(turn);
  });
  await browse(broker, 'q', 0, 300);
  clearImmediate(next);
  expect(turns).toBeGreaterThan(0);
});

it('a page of large messages reads few more than it shows', async () => {
  const { broker, afterwards, read } = await backlogOf(0);
  for (let at = 0; at < 20; at++) {
    await send(broker, { kind: 'queue', name: 'q' }, [{ body: Buffer.alloc(100_000), text: false, headers: {} }]);
    await afterwards.idle();
  }
  read.length = 0;
  const { messages, next } = await browse(broker, 'q', 0, 20);
  expect([messages.length, next]).toEqual([3, 3]);
  expect(read.flat().filter((key) => !key.includes('.')).length).toBeLessThanOrEqual(4);
});

it('a page of what has expired ends after a while, and says where the next begins', async () => {
  let now = 1_700_000_000_000;
  const clock = { now: () => now, date: () => now, sleep: async () => {} };
  const limits = { ...cloudLimits, browseCount: 10 };
  const { broker, afterwards } = environmentOn(new MemoryStore(), { limits, clock });
  const expiring = { ...textMessage('expired'), headers: { expires: String(now + 1000) } };
  for (let at = 0; at < 25; at++) {
    await send(broker, { kind: 'queue', name: 'q' }, [at < 24 ? expiring : textMessage('last')]);
    await afterwards.idle();
  }
  // A master that stands still: no turn takes the expired ones away.
  await broker.store.append('/queue/q', {
    ...{ blobs: [], entries: [], room: 64, minute: 1, mustExist: true },
    ring: { nonce: 'alive', until: now + 60_000 },
  });
  now += 2000;
  expect(await browse(broker, 'q', 0, 10)).toEqual({ messages: [], next: 10 });
  expect(await browse(broker, 'q', 10, 10)).toEqual({ messages: [], next: 20 });
  const last = await browse(broker, 'q', 20, 10);
  expect([bodies(last), last.next]).toEqual([['last'], undefined]);
});
