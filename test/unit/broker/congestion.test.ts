import { beforeEach, expect, it } from 'vitest';
import { send } from '../../../lib/broker/verbs/send.ts';
import { subscribe } from '../../../lib/broker/verbs/subscribe.ts';
import { wake } from '../../../lib/broker/verbs/sweep.ts';
import type { Environment } from '../../../lib/handlers/environment.ts';
import { localLimits } from '../../../lib/model/limits.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';
import { environmentOn, textMessage } from './environment.ts';

const queue = { kind: 'queue', name: 'q' } as const;

let congested: Set<string>;
let drained: Map<string, () => void>;
let posts: string[];
let woken: string[];
let environment: Environment;

beforeEach(() => {
  congested = new Set();
  drained = new Map();
  posts = [];
  woken = [];
  environment = environmentOn(new MemoryStore(), {
    limits: localLimits,
    endsWithReply: false,
    wakeAt: (shard) => void woken.push(shard),
    push: {
      async post(connection) {
        posts.push(connection);
        return congested.has(connection) ? 'refused' : 'sent';
      },
      close: async () => {},
      isOpen: async () => true,
      congestion: {
        now: () => new Set(congested),
        onDrained: (connection, asker, then) => void drained.set(`${connection} ${asker}`, then),
      },
    },
  });
});

async function join(connection: string): Promise<void> {
  const consumer = environment.broker.random.id();
  const common = { destination: queue, subscription: '2as', ack: 'auto', prefetch: 20 } as const;
  await subscribe(environment.broker, { consumer, connection, ...common });
  await environment.afterwards.idle();
}

async function sendSome(count: number): Promise<void> {
  await send(
    environment.broker,
    queue,
    Array.from({ length: count }, () => textMessage('x')),
  );
  await environment.afterwards.idle();
}

it('a connection that reads too slowly is posted nothing, and the others get all', async () => {
  for (const connection of ['slow', 'quick']) await join(connection);
  congested.add('slow');
  for (let i = 0; i < 4; i++) await sendSome(1);
  expect(posts).toEqual(Array(4).fill('quick'));
  expect([...drained.keys()]).toEqual([]);
});

it('its queue is woken when it has read, and goes on with it', async () => {
  await join('slow');
  congested.add('slow');
  for (let i = 0; i < 4; i++) await sendSome(1);
  expect(posts).toEqual([]);
  expect([...drained.keys()]).toEqual(['slow /queue/q']);
  congested.clear();
  woken = [];
  for (const then of drained.values()) then();
  expect(woken).toEqual(['/queue/q']);
  await wake(environment.broker, '/queue/q');
  await environment.afterwards.idle();
  expect(posts).toEqual(['slow']);
});
