import { describe, expect, it } from 'vitest';
import type { Broker, Log, Meter } from '../../../lib/broker/broker.ts';
import { receive } from '../../../lib/broker/verbs/receive.ts';
import { send } from '../../../lib/broker/verbs/send.ts';
import { acknowledge, reject } from '../../../lib/broker/verbs/settlement.ts';
import { subscribe } from '../../../lib/broker/verbs/subscribe.ts';
import { sweep } from '../../../lib/broker/verbs/sweep.ts';
import type { EnvironmentParts } from '../../../lib/handlers/environment.ts';
import { sweepHandler } from '../../../lib/handlers/sweep.ts';
import { cloudLimits } from '../../../lib/model/limits.ts';
import type { Metric } from '../../../lib/model/metrics.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Store } from '../../../lib/store/port.ts';
import { environmentOn, storeWith, textMessage } from './environment.ts';

const START = Date.UTC(2026, 0, 1);
const q = { kind: 'queue', name: 'q' } as const;
const pull = { max: 10, waitMs: 0, visibilityMs: 30_000 };

async function sendTo(broker: Broker, texts: readonly string[]): Promise<void> {
  await send(broker, q, texts.map(textMessage));
}

/** A environment with a clock that is set by hand, and all that it measured. */
function measured(store: Store = new MemoryStore(), parts: Partial<EnvironmentParts> = {}) {
  const time = { now: START };
  const readings: [Metric, number, string | undefined][] = [];
  const meter: Meter = (metric, value, shard) => readings.push([metric, value, shard]);
  const clock = { now: () => time.now, date: () => time.now, sleep: async () => {} };
  const environment = environmentOn(store, { meter, clock, limits: { ...cloudLimits, deliveries: 2 }, ...parts });
  const sum = (metric: Metric, shard = '/queue/q') =>
    readings.filter(([name, , of]) => name === metric && of === shard).reduce((all, [, value]) => all + value, 0);
  const last = (metric: Metric) => readings.findLast(([name]) => name === metric)?.[1];
  return { environment, broker: environment.broker, time, readings, sum, last };
}

it('counts what is sent, delivered by push and by pull, delivered again, acknowledged and dead-lettered', async () => {
  const { broker, environment, sum } = measured();
  await sendTo(broker, ['a', 'b', 'c']);
  await environment.afterwards.idle();
  const first = await receive(broker, 'q', pull);
  expect(first).toHaveLength(3);
  await acknowledge(broker, [first[0]?.token ?? '']);
  await reject(
    broker,
    first.slice(1).map(({ token }) => token),
  );
  await environment.afterwards.idle();
  const again = await receive(broker, 'q', pull);
  await reject(
    broker,
    again.map(({ token }) => token),
  );
  await environment.afterwards.idle();
  const toSubscriber = {
    consumer: 's',
    destination: q,
    connection: 'c',
    subscription: '2a0',
    ack: 'auto',
    prefetch: 5,
  } as const;
  await subscribe(broker, toSubscriber);
  await environment.afterwards.idle();
  await sendTo(broker, ['d']);
  await environment.afterwards.idle();
  expect(sum('sent')).toBe(4);
  expect(sum('delivered')).toBe(6);
  expect(sum('redelivered')).toBe(2);
  expect(sum('acknowledged')).toBe(2);
  expect(sum('deadLettered')).toBe(2);
  expect(sum('sent', '/queue/DLQ.q')).toBe(2);
});

it('counts a message of a topic once as sent, and as delivered once for each subscriber that it reached', async () => {
  const push = {
    post: async (connection: string) => (connection === 'gone' ? 'gone' : 'sent'),
    close: async () => {},
    isOpen: async () => true,
  } as const;
  const { broker, environment, sum } = measured(new MemoryStore(), { push });
  const destination = { kind: 'topic', name: 't' } as const;
  for (const connection of ['one', 'two', 'gone']) {
    const member = { consumer: `of ${connection}`, destination, connection, subscription: '2a0', prefetch: 1 } as const;
    await subscribe(broker, { ...member, ack: 'auto' });
  }
  await send(broker, destination, [textMessage('a'), textMessage('b')]);
  await environment.afterwards.idle();
  expect(sum('sent', '/topic/t')).toBe(2);
  expect(sum('delivered', '/topic/t')).toBe(4);
  expect(sum('redelivered', '/topic/t')).toBe(0);
});

it('measures for a turn or a request, however many messages it has', async () => {
  const few = measured();
  const many = measured();
  await sendTo(few.broker, ['a']);
  await send(
    many.broker,
    q,
    Array.from({ length: 100 }, (_, i) => textMessage(String(i))),
  );
  await Promise.all([few.environment.afterwards.idle(), many.environment.afterwards.idle()]);
  expect(few.readings.length).toBeGreaterThan(1);
  expect(many.readings).toHaveLength(few.readings.length);
});

it('measures the age of the oldest message with each turn', async () => {
  const { broker, environment, time, last } = measured();
  await sendTo(broker, ['a']);
  await environment.afterwards.idle();
  time.now += 90_000;
  await sendTo(broker, ['b']);
  await environment.afterwards.idle();
  expect(last('ageOfOldestMs')).toBe(90_000);
});

it('counts a lease that was stolen, and one that was lost, and says whose in the log', async () => {
  const events: unknown[] = [];
  const log: Log = (event, details) => events.push([event, details]);
  const store = storeWith((inner) => ({
    async commit(shard, commit) {
      const head = await inner.readHead(shard);
      if (head?.lease) await inner.steal(shard, { seen: head.lease.nonce, lease: { nonce: 'other', until: 0 } });
      return await inner.commit(shard, commit);
    },
  }));
  const { broker, environment, sum } = measured(store, { log });
  await sendTo(broker, ['a']);
  await environment.afterwards.idle();
  expect(sum('lostLeases')).toBe(1);
  expect(sum('sent')).toBe(0);
  await sendTo(broker, ['b']);
  await environment.afterwards.idle();
  expect(sum('stolenLeases')).toBe(1);
  expect(events).toContainEqual(['lease lost', { shard: '/queue/q', nonce: expect.any(String) }]);
  expect(events).toContainEqual(['lease stolen', { shard: '/queue/q', from: 'other', nonce: expect.any(String) }]);
});

it('tells the depth and age of a watched queue each minute, though nothing happens to it', async () => {
  const { broker, environment, time, readings } = measured(new MemoryStore(), { watched: ['q', 'never-used'] });
  await sendTo(broker, ['a', 'b']);
  await environment.afterwards.idle();
  await sweep(broker);
  readings.length = 0;
  time.now += 3_600_000;
  await sweep(broker);
  expect(readings).toContainEqual(['depth', 2, '/queue/q']);
  expect(readings).toContainEqual(['ageOfOldestMs', 3_600_000, '/queue/q']);
  expect(readings.filter(([, , shard]) => shard === '/queue/never-used')).toEqual([]);
});

describe('the age of the oldest message', () => {
  /** Sweeps at each of these minutes, and gives what ages it measured, by queue. */
  async function agesOf(queues: readonly string[], minutes: number) {
    const { environment, broker, time, readings } = measured(new MemoryStore({ bodiesExpire: true }));
    for (const name of queues) await send(broker, { kind: 'queue', name }, [textMessage('x')]);
    await environment.afterwards.idle();
    readings.length = 0;
    const ages = new Map<string, number[]>();
    for (let minute = 1; minute <= minutes; minute++) {
      time.now += 60_000;
      await sweepHandler(environment)(undefined, {} as never);
      for (const [metric, value, shard = ''] of readings.splice(0)) {
        if (metric === 'ageOfOldestMs') ages.set(shard, [...(ages.get(shard) ?? []), value / 60_000]);
      }
    }
    return ages;
  }

  it('is measured each five minutes of a queue that has no turns', async () => {
    expect(await agesOf(['nightly'], 15)).toEqual(new Map([['/queue/nightly', [5, 10, 15]]]));
  });

  it('is measured of all of them, a hundred at a time', async () => {
    const ages = await agesOf(
      Array.from({ length: 250 }, (_, i) => `q${i}`),
      15,
    );
    expect(ages.size).toBe(250);
    for (const [, measured] of ages) expect(measured).toHaveLength(1);
  });
});
