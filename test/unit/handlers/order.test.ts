import type { Context } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import { viewHead } from '../../../lib/broker/shards.ts';
import { send } from '../../../lib/broker/verbs/send.ts';
import { connectHandler } from '../../../lib/handlers/connect.ts';
import { frameHandler } from '../../../lib/handlers/frame.ts';
import { BrokerError } from '../../../lib/model/errors.ts';
import { cloudLimits, localLimits } from '../../../lib/model/limits.ts';
import { decodeEntry } from '../../../lib/shard/codec/entry.ts';
import { decodeToken, encodeToken } from '../../../lib/shard/codec/token.ts';
import type { Frame, StompVersion } from '../../../lib/stomp/frame.ts';
import { FrameParser } from '../../../lib/stomp/parser.ts';
import type { MemoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Accepts, Append, Commit, ShardAppend } from '../../../lib/store/port.ts';
import { environmentOn, storeWith, textMessage } from '../broker/environment.ts';

const context = {} as Context;
const overloaded = new BrokerError('OVERLOADED', 'It is full.');

/** A session, the entries of each write to queues, the queues that were read, and those that take nothing. */
async function open(version: StompVersion = '1.2', writers: 'one' | 'many' = 'one') {
  const full = new Set<string>();
  const appends: string[] = [];
  const reads: string[] = [];
  const commits: string[] = [];
  const frames: Frame[] = [];
  const limits = { frameBytes: 2 ** 20, headerCount: 100, headerBytes: 10_000 };
  const parser = new FrameParser({ limits, version, role: 'client' });
  const shown = (shard: string, { entries }: Append) =>
    entries.length > 0 ? [`${shard} ${entries.map((bytes) => decodeEntry(bytes).kind).join(' ')}`] : [];
  const atOnce = (inner: MemoryStore) => async (all: readonly ShardAppend[], accepts: Accepts) => {
    if (all.some(({ shard }) => full.has(shard))) return undefined;
    const outcomes = await inner.appendAll(all, accepts);
    if (outcomes) appends.push(all.flatMap((append) => shown(append.shard, append)).join(' + '));
    return outcomes;
  };
  const store = storeWith((inner) => ({
    appendAll: writers === 'one' ? atOnce(inner) : undefined,
    async append(shard: string, append: Append) {
      const [line] = shown(shard, append);
      if (line && full.has(shard)) throw overloaded;
      if (line) appends.push(line);
      return await inner.append(shard, append);
    },
    async commit(shard: string, commit: Commit) {
      commits.push(`${shard} ${commit.absorbed}`);
      return await inner.commit(shard, commit);
    },
    async readHead(shard: string) {
      reads.push(shard);
      return await inner.readHead(shard);
    },
  }));
  const environment = environmentOn(store, {
    endsWithReply: false,
    limits: { ...(version === '1.2' ? cloudLimits : localLimits), retryMs: 0 },
    push: {
      post: async (_, octets) => {
        frames.push(...parser.push(Buffer.from(octets)).frames);
        return 'sent';
      },
      close: async () => {},
      isOpen: async () => true,
    },
  });
  const event = { requestContext: { connectionId: 'c' } };
  await connectHandler(environment)(event, context);
  const take = async (body: string): Promise<Frame[]> => {
    frames.length = 0;
    appends.length = 0;
    reads.length = 0;
    commits.length = 0;
    await frameHandler(environment)({ ...event, body }, context);
    await environment.afterwards.idle();
    return frames.splice(0);
  };
  await take(`CONNECT\naccept-version:${version}\nhost:a\n\n\0`);
  /** Has messages of the queue in flight to this connection. */
  const given = async (queue: string, count: number, ack = 'client-individual', id = queue) => {
    const messages = Array.from({ length: count }, (_, i) => textMessage(`${i}`));
    await send(environment.broker, { kind: 'queue', name: queue }, messages);
    return await take(`SUBSCRIBE\nid:${id}\ndestination:${queue}\nack:${ack}\nprefetch-count:100\n\n\0`);
  };
  const stateOf = async (queue: string) => {
    const head = await environment.broker.store.readHead(`/queue/${queue}`);
    if (!head) return undefined;
    const { draft, inFlight, ready } = viewHead(environment.broker, head);
    return { ready, inFlight, acknowledged: draft.counts.acknowledged, sent: draft.counts.sent };
  };
  return { take, given, stateOf, full, appends, reads, commits };
}

const sendTo = (queue: string, receipt: string) => `SEND\ndestination:${queue}\nreceipt:${receipt}\n\nx\0`;
const settle = (verb: 'ACK' | 'NACK', message: Frame | undefined, receipt: string) =>
  `${verb}\nid:${message?.headers.ack}\nreceipt:${receipt}\n\n\0`;
/** As if it had been given a message that nobody sent yet. */
const neverGiven = ({ headers }: Frame = noFrame): Frame => {
  const token = decodeToken(headers.ack ?? '');
  return { ...noFrame, headers: { ack: encodeToken({ ...token, sequence: token.sequence + 1000 }) } };
};
const noFrame: Frame = { command: 'MESSAGE', headers: {}, body: Buffer.alloc(0), hasContentLength: false };
const told = (frames: readonly Frame[]) => frames.map(({ command, headers }) => headers['receipt-id'] ?? command);

describe.each(['one', 'many'] as const)('on a store to which %s may write, frames of one message', (writers) => {
  it('after a SEND that was refused do not happen: what its client forwards is not acknowledged', async () => {
    const { take, given, stateOf, full } = await open('1.2', writers);
    const [message] = await given('in', 1);
    full.add('/queue/out');
    const replies = await take(`${sendTo('out', 's')}${settle('ACK', message, 'a')}`);
    expect(told(replies)).toEqual(['s']);
    expect(replies[0]?.command).toBe('ERROR');
    expect(await stateOf('in')).toMatchObject({ acknowledged: 0 });
  });

  it('before a SEND that was refused are done, and have their receipts', async () => {
    const { take, given, stateOf, full } = await open('1.2', writers);
    const [message] = await given('in', 1);
    full.add('/queue/out');
    const replies = await take(`${sendTo('a', 'first')}${settle('ACK', message, 'second')}${sendTo('out', 'third')}`);
    expect(told(replies)).toEqual(['first', 'second', 'third']);
    expect(replies[2]?.command).toBe('ERROR');
    expect(await stateOf('in')).toMatchObject({ acknowledged: 1 });
    expect(await stateOf('a')).toMatchObject({ sent: 1 });
  });

  it('that send to several queues stop at the first that takes nothing', async () => {
    const { take, stateOf, full } = await open('1.2', writers);
    full.add('/queue/b');
    await take(`${sendTo('a', '1')}${sendTo('b', '2')}${sendTo('c', '3')}`);
    expect([await stateOf('a'), await stateOf('b'), await stateOf('c')]).toMatchObject([
      { sent: 1 },
      undefined,
      undefined,
    ]);
  });

  it('after an acknowledgement of what was never given do not happen', async () => {
    const { take, given, stateOf } = await open('1.2', writers);
    const [message] = await given('in', 1);
    const replies = await take(settle('ACK', neverGiven(message), 'a') + sendTo('out', 's'));
    expect(told(replies)).toEqual(['a']);
    expect(replies[0]?.command).toBe('ERROR');
    expect(await stateOf('out')).toBeUndefined();
  });

  it('before an acknowledgement of what was never given are done, in whichever queue', async () => {
    const { take, given, stateOf } = await open('1.2', writers);
    const [a] = await given('a', 1);
    const [b] = await given('b', 1);
    const replies = await take(settle('ACK', a, '1') + settle('ACK', b, '2') + settle('ACK', neverGiven(a), '3'));
    expect(told(replies)).toEqual(['1', '2', '3']);
    expect(replies[2]?.command).toBe('ERROR');
    expect([await stateOf('a'), await stateOf('b')]).toMatchObject([{ acknowledged: 1 }, { acknowledged: 1 }]);
  });

  it('that settle messages of several queues in turn are one write to each', async () => {
    const { take, given, appends } = await open('1.2', writers);
    const [as, bs] = [await given('a', 3), await given('b', 3)];
    await take([0, 1, 2].map((i) => settle('ACK', as[i], `a${i}`) + settle('ACK', bs[i], `b${i}`)).join(''));
    expect(appends).toEqual(['/queue/a acknowledge', '/queue/b acknowledge']);
  });

  it('that settle messages of one queue reach it in their order, in one write', async () => {
    const { take, given, appends } = await open('1.2', writers);
    const messages = await given('in', 5);
    const verbs = ['ACK', 'NACK', 'ACK', 'ACK', 'NACK'] as const;
    await take(verbs.map((verb, i) => settle(verb, messages[i], `${i}`)).join(''));
    expect(appends[0]).toBe('/queue/in acknowledge reject acknowledge reject');
  });

  it('that settle a cumulative subscription’s messages give back what was rejected before what was acknowledged', async () => {
    const { take, given, stateOf } = await open('1.2', writers);
    const messages = await given('in', 6, 'client');
    await take(settle('ACK', messages[1], '1') + settle('NACK', messages[3], '2') + settle('ACK', messages[5], '3'));
    expect(await stateOf('in')).toMatchObject({ acknowledged: 4, inFlight: 2 });
  });

  it('that send, each to the same queue, are one write', async () => {
    const { take, appends } = await open('1.2', writers);
    await take(sendTo('a', '1') + sendTo('a', '2') + sendTo('a', '3'));
    expect(appends).toEqual(['/queue/a send']);
  });

  it('that ask one queue several times have one turn of it', async () => {
    const { take, commits } = await open('1.2', writers);
    await take(sendTo('a', '1') + sendTo('b', '2') + sendTo('a', '3') + sendTo('b', '4') + sendTo('a', '5'));
    expect(commits).toEqual([
      writers === 'one' ? '/queue/a 1' : '/queue/a 3',
      writers === 'one' ? '/queue/b 1' : '/queue/b 2',
    ]);
  });

  it('that ask a queue for more than it takes before its next turn have turns in between', async () => {
    const { take, stateOf, commits } = await open('1.2', writers);
    const turns = Array.from({ length: 100 }, (_, i) => sendTo('a', `a${i}`) + sendTo('b', `b${i}`));
    const replies = await take(turns.join(''));
    expect(replies.filter(({ command }) => command === 'RECEIPT')).toHaveLength(200);
    expect([await stateOf('a'), await stateOf('b')]).toMatchObject([{ sent: 100 }, { sent: 100 }]);
    expect(commits.length).toBeGreaterThan(writers === 'one' ? 1 : 10);
  });

  it('that forward one message after the other are two writes each, or one where all can be written at once', async () => {
    const { take, given, appends, stateOf } = await open('1.2', writers);
    const messages = await given('in', 3);
    const replies = await take(messages.map((m, i) => sendTo('out', `s${i}`) + settle('ACK', m, `a${i}`)).join(''));
    expect(told(replies)).toEqual(['s0', 'a0', 's1', 'a1', 's2', 'a2']);
    const each = ['/queue/out send', '/queue/in acknowledge'];
    expect(appends).toEqual(writers === 'one' ? [each.join(' + ')] : [...each, ...each, ...each]);
    expect(await stateOf('in')).toMatchObject({ acknowledged: 3 });
  });
});

describe('an acknowledgement that crosses its UNSUBSCRIBE', () => {
  const ackOf = (version: StompVersion, message: Frame | undefined, subscription: string | undefined) => {
    const named = subscription === undefined ? '' : `subscription:${subscription}\n`;
    if (version === '1.2') return settle('ACK', message, 'late');
    return `ACK\n${named}message-id:${message?.headers['message-id']}\nreceipt:late\n\n\0`;
  };

  it.each([
    ['1.2', 'in'],
    ['1.1', 'in'],
    ['1.0', 'in'],
    ['1.0', undefined],
  ] as const)('is done, with its receipt, in version %s (subscription: %s)', async (version, subscription) => {
    const { take, given, stateOf } = await open(version);
    const [message] = await given('in', 1);
    const [other] = await given('other', 1);
    await take('UNSUBSCRIBE\nid:in\nreceipt:gone\n\n\0');
    const replies = await take(ackOf(version, message, subscription) + sendTo('out', 'after'));
    expect(told(replies)).toEqual(['late', 'after']);
    expect(other?.command).toBe('MESSAGE');
    expect(await stateOf('other')).toMatchObject({ inFlight: 1 });
    expect(await stateOf('in')).toMatchObject({ ready: 1, acknowledged: 0 });
  });
});

it.each(['1.0', '1.1'] as const)('fifty acknowledgements by message id are one write (version %s)', async (version) => {
  const { take, given, appends, stateOf } = await open(version);
  const messages = await given('in', 50);
  const acks = messages.map(({ headers }) => `ACK\nsubscription:in\nmessage-id:${headers['message-id']}\n\n\0`);
  await take(acks.join(''));
  expect(appends).toHaveLength(1);
  expect(await stateOf('in')).toMatchObject({ acknowledged: 50 });
});

it('acknowledgements that name no subscription are looked for once in each queue', async () => {
  const { take, given, appends, reads, stateOf } = await open('1.0');
  const messages = await given('in', 20);
  for (const queue of ['b', 'c']) await given(queue, 1);
  await take(messages.map(({ headers }) => `ACK\nmessage-id:${headers['message-id']}\n\n\0`).join(''));
  expect(reads).toEqual(['/queue/in', '/queue/b', '/queue/c']);
  expect(appends).toHaveLength(1);
  expect(await stateOf('in')).toMatchObject({ acknowledged: 20 });
});
