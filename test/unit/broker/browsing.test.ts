import { expect, it } from 'vitest';
import { writeConnection } from '../../../lib/broker/sessions/connections.ts';
import { browse } from '../../../lib/broker/verbs/browse.ts';
import { type Browser, runBrowser } from '../../../lib/broker/verbs/browser.ts';
import { send } from '../../../lib/broker/verbs/send.ts';
import { localLimits } from '../../../lib/model/limits.ts';
import { environmentOn, storeWith, textMessage } from './environment.ts';

const MiB = 1024 * 1024;
const BATCHES = 12;
const q = { kind: 'queue', name: 'q' } as const;

/** A queue of batches of 1 MiB each; and how many were read, and are being read. */
async function largeBatches() {
  const seen = { read: 0, reading: 0, mostReading: 0 };
  const store = storeWith((inner) => ({
    async getBlobs(shard, keys) {
      seen.read += keys.length;
      seen.mostReading = Math.max(seen.mostReading, ++seen.reading);
      await new Promise(setImmediate);
      seen.reading--;
      return await inner.getBlobs(shard, keys);
    },
  }));
  const environment = environmentOn(store, { cacheBytes: 0, limits: localLimits });
  for (let at = 0; at < BATCHES; at++) await send(environment.broker, q, [textMessage('x'.repeat(MiB))]);
  await environment.afterwards.idle();
  seen.read = 0;
  return { ...environment, seen };
}

it('a page reads no more batches than it has room for, where their size is known', async () => {
  const { broker, seen } = await largeBatches();
  const limits = { ...broker.limits, batchBytes: 1.5 * MiB };
  const { messages } = await browse({ ...broker, limits }, 'q', 0, 100);
  expect(messages).toHaveLength(1);
  expect(seen.read).toBeLessThanOrEqual(2);
});

it('of many who browse, few read at a time', async () => {
  const { broker, seen } = await largeBatches();
  await Promise.all(Array.from({ length: 40 }, () => browse(broker, 'q', 0, 1)));
  expect(seen.mostReading).toBe(8);
});

it('the browsers of one connection hold one page for all of them', async () => {
  const { broker, afterwards } = await largeBatches();
  let [feeding, mostFeeding, ends] = [0, 0, 0];
  const outlet = {
    ...broker.outlet,
    async feed(_connection: string, _subscription: string, deliveries: readonly unknown[]) {
      mostFeeding = Math.max(mostFeeding, ++feeding);
      await new Promise(setImmediate);
      feeding--;
      ends += Number(JSON.stringify(deliveries.at(-1)).includes('"browser":"end"'));
      return true;
    },
  };
  const browsers = Array.from({ length: 5 }, (_, at): Browser => {
    return { consumer: `b${at}`, destination: q, connection: 'c', subscription: `s${at}` };
  });
  const subscriptions = browsers.map(({ consumer }, at) => ({
    id: `s${at}`,
    consumer,
    destination: q,
    ack: 'auto' as const,
  }));
  await writeConnection(broker, 'c', { version: '1.2', subscriptions, principal: undefined });
  await Promise.all(browsers.map((browser) => runBrowser({ ...broker, outlet }, browser)));
  await afterwards.idle();
  expect({ mostFeeding, ends }).toEqual({ mostFeeding: 1, ends: 5 });
});
