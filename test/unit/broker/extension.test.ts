import { expect, it } from 'vitest';
import { receive } from '../../../lib/broker/verbs/receive.ts';
import { send } from '../../../lib/broker/verbs/send.ts';
import { wake } from '../../../lib/broker/verbs/sweep.ts';
import { systemClock } from '../../../lib/handlers/environment.ts';
import { BrokerError } from '../../../lib/model/errors.ts';
import { cloudLimits } from '../../../lib/model/limits.ts';
import type { OutgoingMessage } from '../../../lib/model/message.ts';
import { environmentOn, storeWith, textMessage } from './environment.ts';

const HOUR_MS = 3_600_000;
const MESSAGES = 60;

/** A backlog of which each message is a batch of its own, in pages of pages; and what is extended of it, time by time. */
async function longBacklog({ referencesPerLevel = 3, perBatch = 1 } = {}) {
  let extended: string[] = [];
  let [now, left] = [systemClock.now(), Number.POSITIVE_INFINITY];
  let onRead = async () => {};
  let unanswered: string | undefined;
  const store = storeWith((inner) => ({
    bodiesExpire: true,
    async getBlobs(shard, keys) {
      const meanwhile = onRead;
      onRead = async () => {};
      await meanwhile();
      return await inner.getBlobs(shard, keys);
    },
    async keepBlobs(_, keys) {
      for (const key of keys) {
        if (key === unanswered) throw new BrokerError('UNAVAILABLE', 'The store does not answer.');
        if (left-- <= 0) throw new BrokerError('OVERLOADED', 'The store is throttling.');
        extended.push(key);
      }
    },
  }));
  const { broker, afterwards } = environmentOn(store, {
    clock: { ...systemClock, now: () => now, date: () => now },
    limits: { ...cloudLimits, referencesPerLevel, retentionMs: 10 * HOUR_MS },
  });
  const batches: string[] = [];
  for (let n = 0; n < MESSAGES; n++) {
    const [messageId = ''] = await send(
      broker,
      { kind: 'queue', name: 'q' },
      Array(perBatch).fill(textMessage(`${n}`)),
    );
    batches.push(messageId.replace(/-0$/, ''));
    await afterwards.idle();
  }
  const pull = async (max = 5) => {
    await receive(broker, 'q', { max, waitMs: 0, visibilityMs: 10 * HOUR_MS });
  };
  return {
    batches,
    pull,
    /** Somebody pulls from the front while the next page or body is read. */
    pullMeanwhile() {
      onRead = pull;
    },
    /** What is written to this item from now on has no answer. */
    leaveUnanswered(key: string | undefined) {
      unanswered = key;
    },
    async sendMore(messages: readonly OutgoingMessage[]) {
      const [messageId = ''] = await send(broker, { kind: 'queue', name: 'q' }, messages);
      await afterwards.idle();
      return messageId.replace(/-0$/, '');
    },
    /** Takes a turn so much later; the store takes so many writes that extend something. */
    async turnAfter(ms: number, writes = Number.POSITIVE_INFINITY): Promise<readonly string[]> {
      now += ms;
      left = writes;
      extended = [];
      await wake(broker, '/queue/q');
      await afterwards.idle();
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

it('what is listed together is extended by and by, without a gap and each once, where the store puts much of it off', async () => {
  const { turnAfter, batches } = await longBacklog({ referencesPerLevel: 64 });
  const all = [...(await turnAfter(5.1 * HOUR_MS, 25))];
  for (let passes = 1; passes < 6; passes++) all.push(...(await turnAfter(60_000, 25)));
  expect(all).toEqual(batches);
});

it('a page is extended of whose last batch a part was drawn, though that batch was all that was extended before', async () => {
  const drawn = async () => {
    const backlog = await longBacklog({ perBatch: 4 });
    // Two batches in front, and ten messages of the twelve that the first page lists.
    await backlog.pull(18);
    return backlog;
  };
  const whole = await (await drawn()).turnAfter(5.1 * HOUR_MS);
  const { turnAfter } = await drawn();
  const all = [...(await turnAfter(5.1 * HOUR_MS, 5)), ...(await turnAfter(60_000)), ...(await turnAfter(60_000))];
  expect(new Set(all).size).toBe(whole.length);
});

it('what has no answer is not taken for extended, and neither is what comes after it', async () => {
  const { turnAfter, leaveUnanswered, batches } = await longBacklog({ referencesPerLevel: 64 });
  leaveUnanswered(batches[20]);
  await turnAfter(5.1 * HOUR_MS);
  expect(await turnAfter(60_000)).not.toContain(batches[20]);
  leaveUnanswered(undefined);
  const rest = await turnAfter(60_000);
  expect(rest.slice(0, 2)).toEqual([batches[20], batches[21]]);
  expect(batches.slice(20).filter((key) => !rest.includes(key))).toEqual([]);
});

it('an item that several references name is extended once', async () => {
  const { turnAfter, sendMore } = await longBacklog({ referencesPerLevel: 64 });
  const transient = { ...textMessage('b'), headers: { persistent: 'false' } };
  const mixed = await sendMore([textMessage('a'), transient, textMessage('c')]);
  const extended = await turnAfter(5.1 * HOUR_MS);
  expect(extended.filter((key) => key === mixed)).toEqual([mixed]);
});
