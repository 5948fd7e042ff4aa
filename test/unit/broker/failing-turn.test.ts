import { describe, expect, it } from 'vitest';
import { viewHead } from '../../../lib/broker/shards.ts';
import { deleteQueue, describeQueue } from '../../../lib/broker/verbs/queues.ts';
import { receive } from '../../../lib/broker/verbs/receive.ts';
import { send } from '../../../lib/broker/verbs/send.ts';
import { reject } from '../../../lib/broker/verbs/settlement.ts';
import { subscribe, unsubscribe } from '../../../lib/broker/verbs/subscribe.ts';
import { wake } from '../../../lib/broker/verbs/sweep.ts';
import type { EnvironmentParts } from '../../../lib/handlers/environment.ts';
import { BrokerError } from '../../../lib/model/errors.ts';
import { localLimits } from '../../../lib/model/limits.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Store } from '../../../lib/store/port.ts';
import { environmentOn, storeWith, textMessage } from './environment.ts';

const q = { kind: 'queue', name: 'q' } as const;
const pull = { max: 10, waitMs: 0, visibilityMs: 600_000 };
const throttled = new BrokerError('OVERLOADED', 'The store is throttling.');

/** A broker on this store whose clock is set by hand, and whose connections take everything. */
function brokerOn(store: Store, parts: Partial<EnvironmentParts> = {}) {
  const clock = { time: 1_700_000_000_000 };
  const wakes: number[] = [];
  const posts: string[] = [];
  const environment = environmentOn(store, {
    limits: localLimits,
    endsWithReply: false,
    cacheBytes: 0,
    clock: {
      now: () => clock.time,
      date: () => clock.time,
      sleep: async (ms) => {
        clock.time += ms;
      },
    },
    wakeAt: (_shard, at) => void wakes.push(at - clock.time),
    push: {
      post: async (_connection, octets) => {
        posts.push(Buffer.from(octets).toString());
        return 'sent';
      },
      close: async () => {},
      isOpen: async () => true,
    },
    ...parts,
  });
  const { broker, afterwards } = environment;
  const put = async (text: string) => {
    await send(broker, q, [textMessage(text)]);
    await afterwards.idle();
  };
  const join = async () => {
    const subscription = { destination: q, connection: 'c', subscription: '2cs', ack: 'client-individual' } as const;
    await subscribe(broker, { ...subscription, consumer: broker.random.id(), prefetch: 100 });
    await afterwards.idle();
  };
  return { broker, afterwards, clock, wakes, posts, put, join };
}

describe('a turn that fails', () => {
  it('gives its lease up if nothing went out, and has the shard woken soon', async () => {
    let isFailing = false;
    const { put, join, wakes, posts, broker } = brokerOn(
      storeWith((inner) => ({
        async getBlobs(shard, keys) {
          if (isFailing) throw throttled;
          return await inner.getBlobs(shard, keys);
        },
      })),
    );
    await join();
    isFailing = true;
    await put('a');
    isFailing = false;
    expect((await broker.store.readHead('/queue/q'))?.lease).toBeUndefined();
    expect(wakes.at(-1)).toBe(1000);
    await put('b');
    expect(posts.join()).toContain('\n\na');
    expect(posts.join()).not.toContain('redelivered:true');
  });

  it('leaves a lease that is over if something may have gone out: the next turn takes it over, and flags', async () => {
    let isFailing = false;
    const { put, join, wakes, posts, broker } = brokerOn(
      storeWith((inner) => ({
        async commit(shard, commit) {
          if (isFailing && commit.absorbed > 0) throw new BrokerError('INTERNAL', 'The write failed.');
          return await inner.commit(shard, commit);
        },
      })),
    );
    await join();
    isFailing = true;
    await put('a');
    isFailing = false;
    expect((await broker.store.readHead('/queue/q'))?.lease).toMatchObject({ until: 0 });
    expect(wakes.at(-1)).toBe(1000);
    await wake(broker, '/queue/q');
    expect(posts.map((post) => post.includes('redelivered:true'))).toEqual([false, true]);
  });

  it('is followed by another when its lease has run out, where that cannot be given up either', async () => {
    let isFailing = false;
    const { put, join, wakes } = brokerOn(
      storeWith((inner) => ({
        async commit(shard, commit) {
          if (isFailing) throw new BrokerError('INTERNAL', 'The write failed.');
          return await inner.commit(shard, commit);
        },
      })),
    );
    await join();
    isFailing = true;
    await put('a');
    expect(wakes.at(-1)).toBe(1000 + localLimits.leaseMs + localLimits.skewMs);
  });

  it('touches nothing once another process is the master of all', async () => {
    let commits = 0;
    let isLost = false;
    const { put, join, wakes } = brokerOn(
      storeWith((inner) => ({
        async getBlobs(shard, keys) {
          if (isLost) throw new BrokerError('NOT_MASTER', 'Another process is the master.');
          return await inner.getBlobs(shard, keys);
        },
        async commit(shard, commit) {
          commits++;
          return await inner.commit(shard, commit);
        },
      })),
    );
    await join();
    isLost = true;
    const before = [commits, wakes.length];
    await put('a');
    expect([commits, wakes.length]).toEqual(before);
  });

  it('of a shard that was never committed leaves its name as its readers know it', async () => {
    let isFailing = true;
    const { put, broker } = brokerOn(
      storeWith((inner) => ({
        async commit(shard, commit) {
          if (isFailing && commit.absorbed > 0) throw new BrokerError('INTERNAL', 'The write failed.');
          return await inner.commit(shard, commit);
        },
      })),
    );
    await put('a');
    isFailing = false;
    expect(await receive(broker, 'q', pull)).toHaveLength(1);
  });
});

it('a shard whose turns fail in a row is woken later each time, and soon again after one that went through', async () => {
  let isFailing = false;
  const { put, join, wakes } = brokerOn(
    storeWith((inner) => ({
      async getBlobs(shard, keys) {
        if (isFailing) throw throttled;
        return await inner.getBlobs(shard, keys);
      },
    })),
  );
  await join();
  const failed = async (text: string) => {
    isFailing = true;
    await put(text);
    isFailing = false;
    return wakes.at(-1);
  };
  expect([await failed('a'), await failed('b'), await failed('c')]).toEqual([1000, 2000, 4000]);
  await put('d');
  expect(await failed('e')).toBe(1000);
});

it('a commit that was made and whose turn fails has its shard woken when the lease has run out that it left', async () => {
  let isFailing = false;
  const { put, join, wakes } = brokerOn(
    storeWith((inner) => ({
      async commit(shard, commit) {
        const outcome = await inner.commit(shard, commit);
        if (!isFailing || commit.absorbed === 0) return outcome;
        // Somebody else has become the master.
        const { head } = outcome;
        if (head?.lease) {
          const lease = { nonce: 'another', until: 1_700_000_000_000 + 5000 };
          await inner.steal(shard, { seen: head.lease.nonce, lease });
        }
        throw new BrokerError('INTERNAL', 'The reply was lost.');
      },
    })),
  );
  await join();
  await put('a');
  isFailing = true;
  await Promise.all([put('b'), put('c')]);
  expect(wakes.at(-1)).toBeGreaterThanOrEqual(1000);
});

it('a pull whose turn fails gives back what it gets later: its caller heard of the failure alone', async () => {
  let isFailing = false;
  const { broker, afterwards, put } = brokerOn(
    storeWith((inner) => ({
      async getBlobs(shard, keys) {
        if (isFailing) throw throttled;
        return await inner.getBlobs(shard, keys);
      },
    })),
  );
  await put('a');
  isFailing = true;
  await expect(receive(broker, 'q', pull)).rejects.toMatchObject({ code: 'OVERLOADED' });
  isFailing = false;
  await afterwards.idle();
  await wake(broker, '/queue/q');
  await afterwards.idle();
  expect(await receive(broker, 'q', pull)).toMatchObject([{ redelivered: false, deliveryCount: 1 }]);
});

it('a consumer whose leave was refused stays, and gets what there is', async () => {
  let isFull = false;
  const { broker, afterwards, posts, put } = brokerOn(
    storeWith((inner) => ({
      async append(shard, append) {
        if (isFull && append.entries.length > 0) throw new BrokerError('INTERNAL', 'It cannot be written.');
        return await inner.append(shard, append);
      },
    })),
  );
  const consumer = broker.random.id();
  const subscription = {
    consumer,
    destination: q,
    connection: 'c',
    subscription: '2sa',
    ack: 'auto',
    prefetch: 5,
  } as const;
  await subscribe(broker, subscription);
  await afterwards.idle();
  isFull = true;
  await expect(unsubscribe(broker, q, [consumer], 'unsubscribed')).rejects.toMatchObject({ code: 'INTERNAL' });
  isFull = false;
  await put('a');
  expect(posts).toHaveLength(1);
});

it('a request whose theft of a dead lease is throttled is not made a second time', async () => {
  const inbox: number[] = [];
  const { broker, afterwards } = brokerOn(
    storeWith(() => ({
      async steal() {
        throw throttled;
      },
    })),
  );
  const dead = { nonce: 'dead', until: 1 };
  await broker.store.append('/queue/q', { blobs: [], entries: [], ring: dead, room: 64, minute: 1, mustExist: false });
  await send(broker, q, [textMessage('once')]);
  await afterwards.idle();
  inbox.push((await broker.store.readHead('/queue/q'))?.inbox.length ?? 0);
  expect(inbox).toEqual([1]);
});

describe('a dead-letter queue that takes nothing', () => {
  const refusals = [
    ['is damaged', new BrokerError('CORRUPT', 'It cannot be read.', { details: { shard: '/queue/DLQ.q' } })],
    ['is full', throttled],
    ['does not answer', new BrokerError('UNAVAILABLE', 'The reply was lost.')],
  ] as const;

  it.each(refusals)(
    'holds up nothing of the queue when it %s, and gets its letters later, once',
    async (_, refusal) => {
      let isRefusing = true;
      const store = storeWith((inner) => ({
        async append(shard, append) {
          if (!isRefusing || !shard.startsWith('/queue/DLQ.')) return await inner.append(shard, append);
          // What does not answer may have done it.
          if (refusal.code === 'UNAVAILABLE') await inner.append(shard, append);
          throw refusal;
        },
      }));
      const { broker, afterwards, clock, put } = brokerOn(store, { limits: { ...localLimits, deliveries: 1 } });
      await put('poison');
      const [poison] = await receive(broker, 'q', pull);
      await reject(broker, [poison?.token ?? '']);
      await afterwards.idle();
      expect(await describeQueue(broker, 'q')).toMatchObject({ depth: 0, inFlight: 1, counts: { deadLettered: 0 } });
      await expect(deleteQueue(broker, 'q')).rejects.toMatchObject({ code: 'QUEUE_IN_USE' });
      for (let i = 0; i < 5; i++) {
        await put(`good ${i}`);
        clock.time += 7000;
        expect(await receive(broker, 'q', pull)).toHaveLength(1);
      }
      isRefusing = false;
      clock.time += 60_000;
      await wake(broker, '/queue/q');
      await afterwards.idle();
      expect((await describeQueue(broker, 'q')).counts.deadLettered).toBe(1);
      const letters = await receive(broker, 'DLQ.q', pull);
      expect(letters.map(({ message }) => Buffer.from(message.body).toString())).toEqual(['poison']);
      const head = await broker.store.readHead('/queue/q');
      expect(head && viewHead(broker, head).draft.outgoing).toEqual([]);
    },
  );

  it('gets what a purge of poison leaves in bounded parts', async () => {
    const inner = new MemoryStore();
    const limits = { ...localLimits, deliveries: 1, turnMessages: 50 };
    const sizes: number[] = [];
    const store = storeWith(() => ({
      append: async (shard, append) => {
        if (shard === '/queue/DLQ.q' && append.entries.length > 0) sizes.push(append.blobs.length);
        return await inner.append(shard, append);
      },
      commit: (shard, commit) => inner.commit(shard, commit),
      readHead: (shard) => inner.readHead(shard),
      getBlobs: (shard, keys) => inner.getBlobs(shard, keys),
    }));
    const { broker, afterwards } = brokerOn(store, { limits });
    await send(
      broker,
      q,
      Array.from({ length: 200 }, () => textMessage('poison')),
    );
    await afterwards.idle();
    const all = { ...pull, max: 200 };
    const tokens: string[] = [];
    for (let got = await receive(broker, 'q', all); got.length > 0; got = await receive(broker, 'q', all)) {
      tokens.push(...got.map(({ token }) => token));
    }
    await reject(broker, tokens);
    await afterwards.idle();
    expect(sizes.length).toBeGreaterThanOrEqual(4);
    expect((await describeQueue(broker, 'q')).counts.deadLettered).toBe(200);
  });
});
