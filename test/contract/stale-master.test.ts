import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { send } from '../../lib/broker/verbs/send.ts';
import { subscribe } from '../../lib/broker/verbs/subscribe.ts';
import { wake } from '../../lib/broker/verbs/sweep.ts';
import { addressOf } from '../../lib/handlers/outlet.ts';
import { cloudLimits } from '../../lib/model/limits.ts';
import { createTables } from '../../lib/store/dynamodb/create-tables.ts';
import { openDynamoStore } from '../../lib/store/dynamodb/dynamodb-store.ts';
import { openLmdbStore } from '../../lib/store/lmdb/lmdb-store.ts';
import type { Store } from '../../lib/store/port.ts';
import { type DynamoEngine, dynamoAvailable, dynamoTitle, startDynamo } from '../dynamodb-local.ts';
import { temporaryFolder } from '../folders.ts';
import { environmentOn, textMessage } from '../unit/broker/environment.ts';

/** A clock that stands still until it is moved. */
class Hands {
  #now = Date.UTC(2026, 0, 1);
  readonly clock = { now: () => this.#now, date: () => this.#now, sleep: async () => {} };
  advance(ms: number): void {
    this.#now += ms;
  }
}

function fences(openStore: () => Promise<Store>) {
  it('a master that is paused past its lease commits nothing when it goes on', async () => {
    const store = await openStore();
    const hands = new Hands();
    const paused = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const stale = environmentOn(store, {
      clock: hands.clock,
      push: {
        async post() {
          paused.resolve();
          await goOn.promise;
          return 'sent';
        },
        close: async () => {},
        isOpen: async () => true,
      },
    });
    const posts: string[] = [];
    const living = environmentOn(store, {
      clock: hands.clock,
      push: {
        async post(_connection, octets) {
          posts.push(Buffer.from(octets).toString());
          return 'sent';
        },
        close: async () => {},
        isOpen: async () => true,
      },
    });
    const subscription = addressOf('s', '1.2', false);
    const destination = { kind: 'queue', name: 'fenced' } as const;
    const consumer = { consumer: 'consumer-0123456', destination, connection: 'c', subscription, prefetch: 20 };
    await subscribe(living.broker, { ...consumer, ack: 'client-individual' });
    await living.afterwards.idle();
    await send(stale.broker, destination, [textMessage('once')]);
    await paused.promise;

    await wake(living.broker, '/queue/fenced');
    expect(posts).toEqual([]);
    hands.advance(cloudLimits.leaseMs + cloudLimits.skewMs + 1);
    await wake(living.broker, '/queue/fenced');
    expect(posts.join()).toMatch(/redelivered:true/);
    const before = await store.readHead('/queue/fenced');
    goOn.resolve();
    await stale.afterwards.idle();
    expect(await store.readHead('/queue/fenced')).toEqual(before);
    await store.close();
  });
}

describe('on lmdb', () => {
  const folder = temporaryFolder();
  afterAll(() => folder[Symbol.dispose]());
  fences(() => openLmdbStore({ path: folder.path, owner: 'test' }));
});

describe.skipIf(!dynamoAvailable())(dynamoTitle('the fence'), () => {
  let engine: DynamoEngine;
  beforeAll(async () => {
    engine = await startDynamo();
  });
  afterAll(() => engine.stop());
  fences(async () => {
    const options = { tablePrefix: 'fences', endpoint: engine.endpoint };
    await createTables(options);
    return openDynamoStore(options);
  });
});
