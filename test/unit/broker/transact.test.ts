import { describe, expect, it } from 'vitest';
import { stateOfHead } from '../../../lib/broker/shards.ts';
import { describeQueue } from '../../../lib/broker/verbs/queues.ts';
import { receive } from '../../../lib/broker/verbs/receive.ts';
import { send } from '../../../lib/broker/verbs/send.ts';
import { readToken } from '../../../lib/broker/verbs/settling.ts';
import { placeTransaction, type Transaction, transact, transactionState } from '../../../lib/broker/verbs/transact.ts';
import { BrokerError } from '../../../lib/model/errors.ts';
import { encodeEntry } from '../../../lib/shard/codec/entry.ts';
import type { Store } from '../../../lib/store/port.ts';
import { environmentOn, storeWith, textMessage } from './environment.ts';

const noReply = new BrokerError('UNAVAILABLE', 'The reply was lost.');
const throttled = new BrokerError('OVERLOADED', 'The store is throttling.');

const to = (name: string, body = 'x') => ({
  destination: { kind: 'queue', name } as const,
  message: textMessage(body),
});
const sending: Transaction = { sends: [to('q'), to('other')], settles: [] };

/** A broker whose store fails as `over` has it, and what its transactions come to. */
function brokerOn(over: (inner: Store) => Partial<Store>) {
  const environment = environmentOn(storeWith(over));
  const { broker } = environment;
  const run = async (transaction: Transaction) => {
    const place = placeTransaction(broker, transaction);
    const error = await transact(broker, place, transaction).catch((cause: unknown) => cause);
    await environment.afterwards.idle();
    return { place, code: error instanceof BrokerError ? error.code : 'committed' };
  };
  const depth = async (queue: string) => {
    const head = await broker.store.readHead(`/queue/${queue}`);
    return head ? stateOfHead(head).counts.sent + head.inbox.length : 0;
  };
  return { environment, broker, run, depth };
}

describe('a transaction whose store fails', () => {
  it('is not said to have done nothing where a try may have been carried out, though the next ones were throttled', async () => {
    let tries = 0;
    const { broker } = brokerOn((inner) => ({
      async append(shard, append) {
        if (tries++ > 0 && append.entries.length > 0 && shard === '/queue/q') throw throttled;
        await inner.append(shard, append);
        throw noReply;
      },
    }));
    const short = { ...broker, limits: { ...broker.limits, retryMs: 50 } };
    const place = placeTransaction(short, sending);
    await expect(transact(short, place, sending)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('is committed where it cannot be seen whether its targets have taken what it sent', async () => {
    let isDecided = false;
    const { broker, run, depth } = brokerOn((inner) => ({
      async append(shard, append) {
        if (shard === '/queue/other') throw throttled;
        return await inner.append(shard, append);
      },
      async commit(shard, commit) {
        const outcome = await inner.commit(shard, commit);
        isDecided ||= shard === '/queue/q';
        return outcome;
      },
      async awaitChange(shard, seen, timeoutMs) {
        if (isDecided) throw throttled;
        await inner.awaitChange(shard, seen, timeoutMs);
      },
    }));
    expect((await run(sending)).code).toBe('committed');
    expect(await depth('q')).toBe(1);
    expect(await describeQueue(broker, 'q')).toMatchObject({ depth: 1, sentOnWaiting: 1 });
  });

  it('is taken by its target once it is written there, though the queue could not be listed', async () => {
    let isThrottled = true;
    const { run, broker } = brokerOn((inner) => ({
      async putRecord(key, value, options) {
        if (isThrottled && key.name === 'other') throw throttled;
        return await inner.putRecord(key, value, options);
      },
    }));
    expect((await run(sending)).code).toBe('committed');
    isThrottled = false;
    const head = await broker.store.readHead('/queue/q');
    expect(head && stateOfHead(head)).toMatchObject({ onward: [], onwardRetries: [] });
  });

  it('is unknown where its queue was deleted before a repeat, and not aborted', async () => {
    let tries = 0;
    const { environment, broker, run } = brokerOn((inner) => ({
      async append(shard, append) {
        const isOurs = tries > 0 && shard === '/queue/q' && append.entries.length > 0;
        if (!isOurs) return await inner.append(shard, append);
        if (tries++ === 1) throw noReply;
        return { kind: 'absent', head: undefined };
      },
    }));
    await send(broker, { kind: 'queue', name: 'q' }, [textMessage('a')]);
    const [a] = await receive(broker, 'q', { max: 1, waitMs: 0, visibilityMs: 30_000 });
    await environment.afterwards.idle();
    tries = 1;
    const token = readToken(a?.token ?? '');
    const settles = [{ shard: '/queue/q', settling: { kind: 'acknowledge', token } as const }];
    expect((await run({ sends: [], settles })).code).toBe('UNAVAILABLE');
  });
});

it('a repeat that makes its queue anew makes another one than its first attempt made', () => {
  const incarnations = [1, 2].map((attempt) => {
    const inbox = [encodeEntry({ id: 'abcdefghijklmnop', attempt, kind: 'purge' })];
    return stateOfHead({ shard: '/queue/q', lease: undefined, rings: 0, inbox, state: undefined, due: 1 }).incarnation;
  });
  expect(new Set(incarnations).size).toBe(2);
});

it('what became of a transaction is known, and of one that nobody asked for it is not', async () => {
  const { broker, run } = brokerOn(() => ({}));
  const { place } = await run(sending);
  expect(await transactionState(broker, place)).toBe('committed');
  expect(await transactionState(broker, { ...place, entry: 'aaaaaaaaaaaaaaaa' })).toBe('unknown');
});
