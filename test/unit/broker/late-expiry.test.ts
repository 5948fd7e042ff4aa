import { beforeEach, expect, it } from 'vitest';
import { send } from '../../../lib/broker/verbs/send.ts';
import { subscribe } from '../../../lib/broker/verbs/subscribe.ts';
import type { Environment } from '../../../lib/handlers/environment.ts';
import type { AckMode } from '../../../lib/model/message.ts';
import { environmentOn, storeWith, textMessage } from './environment.ts';

const queue = { kind: 'queue', name: 'q' } as const;

let time: number;
let posts: string[][];
let metered: Map<string, number>;
let takesAt: (verb: 'post' | 'read') => void;
let environment: Environment;
/** Another process, whose cache is its own. */
let elsewhere: Environment;

beforeEach(() => {
  time = 1_700_000_000_000;
  posts = [];
  metered = new Map();
  takesAt = () => {};
  const store = storeWith((inner) => ({
    async getBlobs(shard, keys) {
      takesAt('read');
      return await inner.getBlobs(shard, keys);
    },
  }));
  const clock = { now: () => time, date: () => time, sleep: async () => {} };
  elsewhere = environmentOn(store, { endsWithReply: false, clock });
  environment = environmentOn(store, {
    endsWithReply: false,
    clock,
    push: {
      async post(_connection, octets) {
        posts.push(
          [
            ...Buffer.from(octets)
              .toString()
              .matchAll(/\n\n(m\d+)/g),
          ].map(([, body]) => body as string),
        );
        takesAt('post');
        return 'sent';
      },
      close: async () => {},
      isOpen: async () => true,
    },
    meter: (metric, value) => void metered.set(metric, (metered.get(metric) ?? 0) + value),
  });
});

/** As many messages, of which those that are named live for one second. */
async function sendSome(count: number, mortal: readonly number[], { broker, afterwards } = environment): Promise<void> {
  const messages = Array.from({ length: count }, (_, i) => {
    const headers: Record<string, string> = mortal.includes(i) ? { expires: String(time + 1000) } : {};
    return { ...textMessage(`m${i}`), headers };
  });
  await send(broker, queue, messages);
  await afterwards.idle();
}

/** Consumers of one connection, which is posted their shares one after the other. */
async function join(ack: AckMode, prefetch: number, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const consumer = environment.broker.random.id();
    const common = { destination: queue, connection: 'c', subscription: '2as' };
    await subscribe(environment.broker, { consumer, ack, prefetch, ...common });
    await environment.afterwards.idle();
  }
}

/** The first of these takes two seconds. */
function delayFirst(slow: 'post' | 'read'): void {
  takesAt = (verb) => {
    if (verb !== slow) return;
    takesAt = () => {};
    time += 2000;
  };
}

it.each<AckMode>(['auto', 'client', 'client-individual'])(
  'what expires while others are posted stays behind alone, and costs no credit (%s)',
  async (ack) => {
    await join(ack, 2, 2);
    delayFirst('post');
    await sendSome(5, [2]);
    expect(posts).toEqual([['m0', 'm1'], ['m3'], ['m4']]);
    expect([metered.get('delivered'), metered.get('expired')]).toEqual([4, 1]);
  },
);

it('a share that expires as a whole is not posted, and the next is', async () => {
  await join('client-individual', 2, 2);
  delayFirst('post');
  await sendSome(6, [2, 3]);
  expect(posts).toEqual([
    ['m0', 'm1'],
    ['m4', 'm5'],
  ]);
  expect(metered.get('expired')).toBe(2);
});

it('what expires while bodies are read takes no place in the share', async () => {
  let turns = 0;
  await sendSome(3, [0], elsewhere);
  Object.assign(environment.broker, { trace: () => void turns++ });
  delayFirst('read');
  await join('client-individual', 2, 1);
  expect(posts).toEqual([['m1', 'm2']]);
  expect(turns).toBe(1);
});
