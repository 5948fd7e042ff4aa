import { expect, it } from 'vitest';
import { receive } from '../../../lib/broker/receive.ts';
import { send } from '../../../lib/broker/send.ts';
import { wake } from '../../../lib/broker/sweep.ts';
import { systemClock } from '../../../lib/handlers/parts.ts';
import { BrokerError } from '../../../lib/model/errors.ts';
import { cloudLimits } from '../../../lib/model/limits.ts';
import { benchOn, storeWith, textMessage } from './bench.ts';

const HOUR_MS = 3_600_000;
const MESSAGES = 60;

/** A backlog of which each message is a batch of its own, in pages of pages; and what is extended of it, time by time. */
async function longBacklog() {
  let extended: string[] = [];
  let [now, left] = [systemClock.now(), Number.POSITIVE_INFINITY];
  let onRead = async () => {};
  const store = storeWith((inner) => ({
    async getBlobs(shard, keys) {
      const meanwhile = onRead;
      onRead = async () => {};
      await meanwhile();
      return await inner.getBlobs(shard, keys);
    },
    async extendBlobs(_, keys) {
      if (left-- <= 0) throw new BrokerError('OVERLOADED', 'The store is throttling.');
      extended.push(...keys);
    },
  }));
  const { broker, afterwards } = benchOn(store, {
    clock: { ...systemClock, now: () => now },
    limits: { ...cloudLimits, referencesPerLevel: 3, retentionMs: 10 * HOUR_MS },
  });
  const batches: string[] = [];
  for (let n = 0; n < MESSAGES; n++) {
    const [messageId = ''] = await send(broker, { kind: 'queue', name: 'q' }, [textMessage(`${n}`)]);
    batches.push(messageId.replace(/-0$/, ''));
    await afterwards.settled();
  }
  const pull = async () => {
    await receive(broker, 'q', { max: 5, waitMs: 0, visibilityMs: HOUR_MS });
  };
  return {
    batches,
    /** Somebody pulls from the front while the next page or body is read. */
    pullMeanwhile() {
      onRead = pull;
    },
    /** Takes a turn so much later; the store takes so many writes that extend something. */
    async turnAfter(ms: number, writes = Number.POSITIVE_INFINITY): Promise<readonly string[]> {
      now += ms;
      left = writes;
      extended = [];
      await wake(broker, '/queue/q');
      await afterwards.settled();
      return extended;
    },
  };
}

it('bodies and the pages that list them are extended halfway through their retention', async () => {
  const { turnAfter } = await longBacklog();
  expect(await turnAfter(4 * HOUR_MS)).toEqual([]);
  const extended = new Set(await turnAfter(1.1 * HOUR_MS));
  expect(extended.size).toBeGreaterThan(MESSAGES);
  expect(await turnAfter(60_000)).toEqual([]);
});

it('an extension that is cut short goes on where it was, and does little of it again', async () => {
  const whole = await (await longBacklog()).turnAfter(5.1 * HOUR_MS);
  const { turnAfter } = await longBacklog();
  const all: string[] = [];
  const passes: number[] = [];
  for (let extended = await turnAfter(5.1 * HOUR_MS, 12); extended.length > 0; extended = await turnAfter(60_000, 12)) {
    all.push(...extended);
    passes.push(extended.length);
  }
  expect(passes.length).toBeGreaterThan(3);
  expect(new Set(all).size).toBe(whole.length);
  expect(all.length).toBeLessThan(1.5 * whole.length);
});

it('another extension does not begin while one is under way', async () => {
  const { turnAfter } = await longBacklog();
  expect(await turnAfter(5.1 * HOUR_MS, 12)).not.toEqual([]);
  expect(await turnAfter(1000)).toEqual([]);
  expect(await turnAfter(60_000)).not.toEqual([]);
});

it('what was drawn while it is extended is extended where it lies by then', async () => {
  const { turnAfter, pullMeanwhile, batches } = await longBacklog();
  pullMeanwhile();
  const extended = new Set(await turnAfter(5.1 * HOUR_MS));
  expect(batches.filter((key) => !extended.has(key))).toEqual([]);
  expect(await turnAfter(60_000)).toEqual([]);
});
