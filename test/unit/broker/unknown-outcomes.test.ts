import { expect, it } from 'vitest';
import { viewHead } from '../../../lib/broker/shards.ts';
import { receive } from '../../../lib/broker/verbs/receive.ts';
import { send } from '../../../lib/broker/verbs/send.ts';
import { subscribe } from '../../../lib/broker/verbs/subscribe.ts';
import { BrokerError } from '../../../lib/model/errors.ts';
import type { Lease } from '../../../lib/store/port.ts';
import { environmentOn, storeWith, textMessage } from './environment.ts';

const noReply = new BrokerError('UNAVAILABLE', 'The reply was lost.');
const pull = { max: 10, waitMs: 0, visibilityMs: 30_000 };

it('a commit that keeps the lease and whose reply is lost removes its entries from the inbox once', async () => {
  let isLost = false;
  let sentMeanwhile: Promise<unknown> | undefined;
  const environment = environmentOn(
    storeWith((inner) => ({
      async commit(shard, commit) {
        // Somebody sends while the first turn is taken, so that its master goes on.
        sentMeanwhile ??= send(environment.broker, { kind: 'queue', name: 'q' }, [textMessage('second')]);
        await sentMeanwhile;
        const outcome = await inner.commit(shard, commit);
        if (outcome.kind !== 'committed' || !commit.lease || isLost) return outcome;
        isLost = true;
        throw noReply;
      },
    })),
  );
  await send(environment.broker, { kind: 'queue', name: 'q' }, [textMessage('first')]);
  await environment.afterwards.idle();
  expect(isLost).toBe(true);
  const head = await environment.broker.store.readHead('/queue/q');
  expect(head && viewHead(environment.broker, head).ready).toBe(2);
});

it('a lease that was stolen by a write whose reply was lost is not taken for one that was won', async () => {
  const now = Date.now();
  let isLost = false;
  const seen: boolean[] = [];
  const environment = environmentOn(
    storeWith((inner) => ({
      async steal(shard, steal) {
        const outcome = await inner.steal(shard, steal);
        if (isLost) return outcome;
        isLost = true;
        throw noReply;
      },
      async commit(shard, commit) {
        seen.push(isLost);
        return await inner.commit(shard, commit);
      },
    })),
  );
  const dead: Lease = { nonce: 'dead', until: now - 60_000 };
  const { store } = environment.broker;
  await store.append('/queue/q', { blobs: [], entries: [], ring: dead, room: 64, minute: 1, mustExist: false });
  await send(environment.broker, { kind: 'queue', name: 'q' }, [textMessage('first')]);
  await environment.afterwards.idle();
  // Without the knowledge that it took over, it leads nothing: the lease runs out, and is stolen by who knows.
  expect(seen).toEqual([]);
});

it('a pull whose master lost its lease gets what the next master gave it', async () => {
  let isStolen = false;
  const environment = environmentOn(
    storeWith((inner) => ({
      async commit(shard, commit) {
        const head = await inner.readHead(shard);
        if (!isStolen && head?.lease && head.inbox.length > 0 && commit.absorbed > 0 && arePulled) {
          isStolen = true;
          const lease = { nonce: 'thief', until: 0 };
          await inner.steal(shard, { seen: head.lease.nonce, lease });
        }
        return await inner.commit(shard, commit);
      },
    })),
  );
  let arePulled = false;
  await send(environment.broker, { kind: 'queue', name: 'q' }, [textMessage('first')]);
  await environment.afterwards.idle();
  arePulled = true;
  const deliveries = await receive(environment.broker, 'q', pull);
  expect(isStolen).toBe(true);
  expect(deliveries.map(({ message }) => Buffer.from(message.body).toString())).toEqual(['first']);
});

it('a push that is refused for now is tried again at the wake-up, and no turn before that', async () => {
  const dispatched: string[] = [];
  const alarms: number[] = [];
  let posts = 0;
  const environment = environmentOn(
    storeWith(() => ({})),
    {
      push: {
        async post() {
          posts++;
          return 'refused';
        },
        close: async () => {},
        isOpen: async () => true,
      },
      dispatch: async (shard) => void dispatched.push(shard),
      wakeAt: (_shard, at) => void alarms.push(at),
    },
  );
  const { broker, afterwards } = environment;
  await send(broker, { kind: 'queue', name: 'q' }, [textMessage('a'), textMessage('b'), textMessage('c')]);
  await afterwards.idle();
  await subscribe(broker, {
    consumer: 'consumer-aaaaaaa',
    destination: { kind: 'queue', name: 'q' },
    connection: 'c',
    subscription: '2as',
    ack: 'auto',
    prefetch: 1,
  });
  await afterwards.idle();
  expect(posts).toBe(1);
  expect(dispatched).toEqual([]);
  expect(alarms.length).toBeGreaterThan(0);
});
