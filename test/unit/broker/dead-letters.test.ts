import { expect, it } from 'vitest';
import { deleteQueue, describeQueue } from '../../../lib/broker/verbs/queues.ts';
import { receive } from '../../../lib/broker/verbs/receive.ts';
import { send } from '../../../lib/broker/verbs/send.ts';
import { acknowledge, reject } from '../../../lib/broker/verbs/settlement.ts';
import { wake } from '../../../lib/broker/verbs/sweep.ts';
import { systemClock } from '../../../lib/handlers/environment.ts';
import { BrokerError } from '../../../lib/model/errors.ts';
import { cloudLimits, type Limits } from '../../../lib/model/limits.ts';
import { environmentOn, storeWith, textMessage } from './environment.ts';

const pull = { max: 100, waitMs: 0, visibilityMs: 30_000 };
const throttled = new BrokerError('OVERLOADED', 'The store is throttling.');
const unheard = new BrokerError('UNAVAILABLE', 'The reply was lost.');

/** A broker that gives each message out once, and whose dead-letter queue fails as `failure` says. */
function brokerWith(limits: Partial<Limits> = {}) {
  const deadLetters: { failure: BrokerError | undefined } = { failure: undefined };
  const logged: object[] = [];
  let lateMs = 0;
  const store = storeWith((inner) => ({
    async append(shard, append) {
      const { failure } = deadLetters;
      if (!failure || shard !== '/queue/DLQ.q') return await inner.append(shard, append);
      if (failure === unheard) await inner.append(shard, append);
      throw failure;
    },
  }));
  const now = () => systemClock.now() + lateMs;
  const { broker, afterwards } = environmentOn(store, {
    endsWithReply: false,
    limits: { ...cloudLimits, deliveries: 1, ...limits },
    clock: { ...systemClock, now, date: now },
    log: (event, fields) => logged.push({ event, ...fields }),
  });
  const take = async (queue: string) => {
    const deliveries = await receive(broker, queue, pull);
    await afterwards.idle();
    return deliveries;
  };
  return {
    broker,
    deadLetters,
    logged,
    take,
    /** Sends messages, and rejects what it gets of them. */
    async poison(count: number) {
      for (let i = 0; i < count; i++) await send(broker, { kind: 'queue', name: 'q' }, [textMessage('poison')]);
      const tokens = (await take('q')).map(({ token }) => token);
      await reject(broker, tokens);
      await afterwards.idle();
      return tokens.length;
    },
    /** The lease runs out of whoever heard of no reply. */
    outliveLease() {
      lateMs += cloudLimits.leaseMs + cloudLimits.skewMs + 1;
    },
    async takeAllDeadLetters() {
      const letters = await take('DLQ.q');
      await acknowledge(
        broker,
        letters.map(({ token }) => token),
      );
      await afterwards.idle();
      return letters.map(({ redelivered }) => redelivered);
    },
    async tryAgain() {
      lateMs += 70_000;
      await wake(broker, '/queue/q');
      await afterwards.idle();
    },
  };
}

it('a dead letter that comes again after its queue was deleted says that somebody may have had it', async () => {
  const { broker, deadLetters, poison, takeAllDeadLetters, tryAgain, outliveLease } = brokerWith();
  deadLetters.failure = unheard;
  await poison(1);
  deadLetters.failure = undefined;
  outliveLease();
  expect(await takeAllDeadLetters()).toEqual([false]);
  await deleteQueue(broker, 'DLQ.q');
  await tryAgain();
  expect(await takeAllDeadLetters()).toEqual([true]);
});

it('a dead letter that its queue refused says nothing of the kind: nobody can have had it', async () => {
  const { deadLetters, poison, takeAllDeadLetters, tryAgain } = brokerWith();
  deadLetters.failure = throttled;
  await poison(1);
  deadLetters.failure = undefined;
  await tryAgain();
  expect(await takeAllDeadLetters()).toEqual([false]);
});

it('a queue tells of dead letters that are not taken, and that they hold it up once they use up their room', async () => {
  const { broker, deadLetters, logged, poison, take, tryAgain } = brokerWith({ outgoingBytes: 200 });
  const describe = () => describeQueue(broker, 'q');
  expect(await poison(1)).toBe(1);
  expect(await describe()).toMatchObject({ deadLettersWaiting: 0, inFlight: 0 });
  deadLetters.failure = throttled;
  expect(await poison(2)).toBe(2);
  expect(await describe()).toMatchObject({ deadLettersWaiting: 2, inFlight: 2 });
  expect(await describe()).not.toHaveProperty('heldUp');
  expect(await poison(2)).toBe(2);
  expect(await poison(1)).toBe(0);
  await tryAgain();
  expect(await describe()).toMatchObject({ deadLettersWaiting: 4, heldUp: true, depth: 1 });
  const refusal = { event: 'forward refused', shard: '/queue/q', target: '/queue/DLQ.q', waiting: 4, heldUp: true };
  expect(logged).toContainEqual(refusal);
  deadLetters.failure = undefined;
  await tryAgain();
  expect(await describe()).toMatchObject({ deadLettersWaiting: 0, counts: { deadLettered: 5 } });
  expect(await take('q')).toHaveLength(1);
});
