import { beforeEach, describe, expect, it } from 'vitest';
import { send } from '../../../lib/broker/verbs/send.ts';
import { subscribe } from '../../../lib/broker/verbs/subscribe.ts';
import { wake } from '../../../lib/broker/verbs/sweep.ts';
import type { PostOutcome } from '../../../lib/gateway/push.ts';
import type { Environment } from '../../../lib/handlers/environment.ts';
import type { AckMode } from '../../../lib/model/message.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';
import { environmentOn, textMessage } from './environment.ts';

const queue = { kind: 'queue', name: 'q' } as const;
const START = 1_700_000_000_000;

let time: number;
let outcomes: Map<string, PostOutcome>;
/** For each post, whose it was. */
let posts: string[];
let got: Map<string, number>;
let wakes: number[];
let environment: Environment;

beforeEach(() => {
  time = START;
  outcomes = new Map([['slow', 'refused']]);
  posts = [];
  got = new Map();
  wakes = [];
  environment = environmentOn(new MemoryStore(), {
    endsWithReply: false,
    clock: { now: () => time, date: () => time, sleep: async () => {} },
    wakeAt: (_shard, at) => void wakes.push(at),
    push: {
      async post(connection, octets) {
        posts.push(connection);
        const outcome = outcomes.get(connection) ?? 'sent';
        const count = Buffer.from(octets).toString().split('MESSAGE\n').length - 1;
        if (outcome === 'sent') got.set(connection, (got.get(connection) ?? 0) + count);
        return outcome;
      },
      close: async () => {},
      isOpen: async () => true,
    },
  });
});

async function join(connection: string, ack: AckMode): Promise<void> {
  const consumer = environment.broker.random.id();
  await subscribe(environment.broker, {
    consumer,
    connection,
    destination: queue,
    subscription: '2as',
    ack,
    prefetch: 20,
  });
  await environment.afterwards.idle();
}

async function sendSome(count: number): Promise<void> {
  const messages = Array.from({ length: count }, () => textMessage('x'));
  await send(environment.broker, queue, messages);
  await environment.afterwards.idle();
}

describe('where a connection takes nothing for now', () => {
  it('the other consumers of its queue get all there is, in the turns that follow one another', async () => {
    for (const connection of ['slow', 'quick']) await join(connection, 'auto');
    await sendSome(100);
    expect(got).toEqual(new Map([['quick', 100]]));
    expect(posts.filter((connection) => connection === 'slow')).toEqual(['slow']);
  });

  it('what it did not take goes at once to those who have room', async () => {
    for (const connection of ['slow', 'quick']) await join(connection, 'client-individual');
    await sendSome(10);
    expect(got).toEqual(new Map([['quick', 10]]));
  });

  it('its consumer has its turn again a second later, and no sooner', async () => {
    for (const connection of ['slow', 'quick']) await join(connection, 'client-individual');
    await sendSome(30);
    expect(got).toEqual(new Map([['quick', 20]]));
    expect(wakes.at(-1)).toBe(START + 1000);
    outcomes.clear();
    time += 1000;
    await wake(environment.broker, '/queue/q');
    await environment.afterwards.idle();
    expect(got).toEqual(new Map(Object.entries({ quick: 20, slow: 10 })));
  });

  it('is posted no more in these turns, where nobody else has room', async () => {
    await join('slow', 'auto');
    await sendSome(100);
    expect(posts).toEqual(['slow']);
    expect(wakes.at(-1)).toBe(START + 1000);
  });

  it('is posted again in turns that go on for longer', async () => {
    for (const connection of ['slow', 'quick']) await join(connection, 'auto');
    const { outlet } = environment.broker;
    Object.assign(environment.broker, {
      outlet: {
        ...outlet,
        deliver: async (...given: Parameters<typeof outlet.deliver>) => {
          time += 300;
          return await outlet.deliver(...given);
        },
      },
    });
    await sendSome(200);
    expect(got).toEqual(new Map([['quick', 200]]));
    // Ten turns, every third of which begins a second after the last post to it.
    expect(posts.filter((connection) => connection === 'slow').length).toBe(4);
  });
});

it('what a connection that is gone did not get goes at once to those who have room', async () => {
  outcomes.set('slow', 'gone');
  for (const connection of ['slow', 'quick']) await join(connection, 'client-individual');
  await sendSome(10);
  expect(got).toEqual(new Map([['quick', 10]]));
});
