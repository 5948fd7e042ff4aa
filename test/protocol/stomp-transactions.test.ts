import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Frame } from '../../lib/stomp/frame.ts';
import { RawStomp, textOf } from '../raw-stomp.ts';
import { describeOrdered, freshName, type Subject, startSubject } from '../subject.ts';

let subject: Subject;
beforeAll(async () => {
  subject = await startSubject();
});
afterAll(async () => await subject.close());

const begin = 'BEGIN\ntransaction:t\n\n\0';
const commit = 'COMMIT\ntransaction:t\nreceipt:committed\n\n\0';
const abort = 'ABORT\ntransaction:t\nreceipt:aborted\n\n\0';
const send = (queue: string, body: string) => `SEND\ndestination:/queue/${queue}\ntransaction:t\n\n${body}\0`;
const acknowledge = ({ headers }: Frame) => `ACK\nid:${headers.ack}\ntransaction:t\n\n\0`;

async function put(queue: string, ...bodies: string[]): Promise<void> {
  const body = JSON.stringify({ messages: bodies.map((text) => ({ body: text })) });
  const headers = { 'content-type': 'application/json' };
  await fetch(`${subject.url}/v1/queues/${queue}/messages`, { method: 'POST', headers, body });
}

async function bodiesIn(queue: string): Promise<string[]> {
  const response = await fetch(`${subject.url}/v1/queues/${queue}/messages`);
  if (!response.ok) return [];
  return ((await response.json()) as { messages: { body: string }[] }).messages.map(({ body }) => body);
}

async function messageOf(raw: RawStomp): Promise<Frame> {
  const [message] = await raw.messages(1);
  return message as Frame;
}

/** The next frame that is an ERROR, whatever comes before it. */
async function errorOf(raw: RawStomp): Promise<Frame> {
  for (;;) {
    const frame = await raw.next();
    if (frame.command === 'ERROR') return frame;
  }
}

/** A session with a consumer of a queue. */
async function consumerOf(queue: string, ack = 'client-individual'): Promise<RawStomp> {
  const raw = await RawStomp.connect(subject.webSocketUrl);
  await raw.confirm(`SUBSCRIBE\nid:s\ndestination:/queue/${queue}\nack:${ack}\nreceipt:subscribed\n\n\0`, 'subscribed');
  return raw;
}

describe('a transaction over STOMP in one message', () => {
  it('takes from one queue and gives to others, and to its own', async () => {
    const [from, one, two] = [freshName(), freshName(), freshName()];
    await put(from, 'order');
    const raw = await consumerOf(from);
    const order = await messageOf(raw);
    await raw.confirm(
      [begin, send(one, 'a'), send(two, 'b'), acknowledge(order), send(one, 'c'), send(from, 'd'), commit].join(''),
      'committed',
    );
    expect([await bodiesIn(one), await bodiesIn(two)]).toEqual([['a', 'c'], ['b']]);
    expect(textOf(await messageOf(raw))).toBe('d');
    raw.destroy();
  });

  it('that is undone sends nothing, and what it acknowledged comes again', async () => {
    const [from, to] = [freshName(), freshName()];
    await put(from, 'order');
    const raw = await consumerOf(from);
    const order = await messageOf(raw);
    await raw.confirm([begin, send(to, 'a'), acknowledge(order), abort].join(''), 'aborted');
    expect(await messageOf(raw)).toMatchObject({ headers: { redelivered: 'true', JMSXDeliveryCount: '2' } });
    expect(await bodiesIn(to)).toEqual([]);
    raw.destroy();
  });

  it('is an ERROR where a delivery is over, and nothing of it happens', async () => {
    const [from, to] = [freshName(), freshName()];
    await put(from, 'order');
    const raw = await consumerOf(from);
    const order = await messageOf(raw);
    await raw.confirm(`ACK\nid:${order.headers.ack}\nreceipt:done\n\n\0`, 'done');
    raw.send([begin, send(to, 'a'), acknowledge(order), commit].join(''));
    expect((await errorOf(raw)).headers).toMatchObject({ code: 'TRANSACTION_ABORTED', 'receipt-id': 'committed' });
    expect(await bodiesIn(to)).toEqual([]);
  });

  it('is an ERROR where a delivery is that of another connection, which keeps it', async () => {
    const [from, to] = [freshName(), freshName()];
    await put(from, 'order');
    const [mine, other] = [await consumerOf(from), await RawStomp.connect(subject.webSocketUrl)];
    const order = await messageOf(mine);
    other.send([begin, send(to, 'a'), acknowledge(order), commit].join(''));
    expect((await errorOf(other)).headers.code).toBe('TRANSACTION_ABORTED');
    await mine.confirm([begin, send(to, 'b'), acknowledge(order), commit].join(''), 'committed');
    expect(await bodiesIn(to)).toEqual(['b']);
    mine.destroy();
  });

  it('ends deliveries of one queue alone: of two it does nothing', async () => {
    const [one, two] = [freshName(), freshName()];
    await Promise.all([put(one, 'a'), put(two, 'b')]);
    const raw = await consumerOf(one);
    const a = await messageOf(raw);
    raw.send(`SUBSCRIBE\nid:t\ndestination:/queue/${two}\nack:client-individual\n\n\0`);
    const b = await messageOf(raw);
    raw.send([begin, acknowledge(a), acknowledge(b), commit].join(''));
    expect((await errorOf(raw)).headers.code).toBe('NOT_SUPPORTED');
    expect([await bodiesIn(one), await bodiesIn(two)]).toEqual([['a'], ['b']]);
  });

  it('waits for no turn that its own message has put off', async () => {
    const [from, to] = [freshName(), freshName()];
    const raw = await RawStomp.connect(subject.webSocketUrl);
    const plain = `SEND\ndestination:/queue/${from}\n\nbefore\0`;
    const begun = performance.now();
    await raw.confirm([plain, begin, send(from, 'a'), send(to, 'b'), commit].join(''), 'committed');
    expect(performance.now() - begun).toBeLessThan(5000);
    expect([await bodiesIn(from), await bodiesIn(to)]).toEqual([['before', 'a'], ['b']]);
    raw.destroy();
  });

  it('may be empty', async () => {
    const raw = await RawStomp.connect(subject.webSocketUrl);
    await raw.confirm(begin + commit, 'committed');
    raw.destroy();
  });

  it('acknowledges all up to a message, where its subscription does', async () => {
    const [from, to] = [freshName(), freshName()];
    await put(from, 'a', 'b', 'c');
    const raw = await consumerOf(from, 'client');
    const got = [await messageOf(raw), await messageOf(raw), await messageOf(raw)];
    await raw.confirm([begin, send(to, 'x'), acknowledge(got[1] as Frame), commit].join(''), 'committed');
    expect([await bodiesIn(from), await bodiesIn(to)]).toEqual([['c'], ['x']]);
    raw.destroy();
  });
});

const byId = ({ headers }: Frame, subscription = '') =>
  `ACK\nmessage-id:${headers['message-id']}\n${subscription}transaction:t\n\n\0`;

describe('an ACK by message id in a transaction', () => {
  it('stands for what it meant when it came, whatever bears the name of its subscription since', async () => {
    const from = freshName();
    await put(from, 'a', 'b', 'c');
    const raw = await RawStomp.connect(subject.webSocketUrl, '1.1');
    const subscribe = (ack: string) => `SUBSCRIBE\nid:s\ndestination:/queue/${from}\nack:${ack}\n\n\0`;
    raw.send(subscribe('client-individual'));
    const [, , third] = await raw.messages(3);
    const again = `UNSUBSCRIBE\nid:s\n\n\0${subscribe('client')}`;
    raw.send(begin + byId(third as Frame, 'subscription:s\n') + again + commit);
    expect((await errorOf(raw)).headers.code).toBe('TRANSACTION_ABORTED');
    expect(await bodiesIn(from)).toEqual(['a', 'b', 'c']);
  });

  it('that means nothing of its connection makes nothing of the rest happen', async () => {
    const [from, to] = [freshName(), freshName()];
    await put(from, 'a');
    const raw = await RawStomp.connect(subject.webSocketUrl, '1.0');
    raw.send(`SUBSCRIBE\nid:s\ndestination:/queue/${from}\nack:client\n\n\0`);
    const got = await messageOf(raw);
    raw.send(`UNSUBSCRIBE\nid:s\n\n\0${begin}${byId(got)}${send(to, 'b')}${commit}`);
    expect((await errorOf(raw)).headers.code).toBe('TRANSACTION_ABORTED');
    expect([await bodiesIn(from), await bodiesIn(to)]).toEqual([['a'], []]);
  });

  it('names its subscription where several may be meant', async () => {
    const from = freshName();
    await put(from, 'a');
    const raw = await RawStomp.connect(subject.webSocketUrl, '1.0');
    const subscribe = (id: string) => `SUBSCRIBE\nid:${id}\ndestination:/queue/${from}\nack:client\n\n\0`;
    raw.send(subscribe('one') + subscribe('two'));
    const got = await messageOf(raw);
    await raw.confirm(begin + byId(got, `subscription:${got.headers.subscription}\n`) + commit, 'committed');
    expect(await bodiesIn(from)).toEqual([]);
    raw.send(begin + byId(got) + commit);
    expect((await errorOf(raw)).headers).toMatchObject({ code: 'INVALID_HEADER', message: expect.any(String) });
  });

  it('of what needs none is nothing to do', async () => {
    const [from, to] = [freshName(), freshName()];
    await put(from, 'a');
    const raw = await RawStomp.connect(subject.webSocketUrl, '1.1');
    raw.send(`SUBSCRIBE\nid:s\ndestination:/queue/${from}\nack:auto\n\n\0`);
    const got = await messageOf(raw);
    await raw.confirm(begin + byId(got, 'subscription:s\n') + send(to, 'b') + commit, 'committed');
    expect(await bodiesIn(to)).toEqual(['b']);
    raw.destroy();
  });
});

describeOrdered(
  'others keep no transaction from one message to the next',
  'a transaction over STOMP in several messages',
  () => {
    it('shows nothing before its commit, and does all of it then', async () => {
      const [from, to] = [freshName(), freshName()];
      await put(from, 'order');
      const raw = await consumerOf(from);
      const order = await messageOf(raw);
      raw.send(begin);
      await raw.confirm(`SEND\ndestination:/queue/${to}\ntransaction:t\nreceipt:staged\n\na\0`, 'staged');
      raw.send(acknowledge(order));
      await raw.confirm(`SEND\ndestination:/queue/${to}\nreceipt:outside\n\nb\0`, 'outside');
      expect([await bodiesIn(from), await bodiesIn(to)]).toEqual([['order'], ['b']]);
      await raw.confirm(commit, 'committed');
      expect([await bodiesIn(from), await bodiesIn(to)]).toEqual([[], ['b', 'a']]);
      raw.destroy();
    });

    it('is undone with its connection', async () => {
      const [from, to] = [freshName(), freshName()];
      await put(from, 'order');
      const raw = await consumerOf(from);
      const order = await messageOf(raw);
      raw.send(`${begin}${send(to, 'a')}`);
      await raw.confirm(`ACK\nid:${order.headers.ack}\ntransaction:t\nreceipt:staged\n\n\0`, 'staged');
      raw.destroy();
      const next = await consumerOf(from);
      expect(await messageOf(next)).toMatchObject({ headers: { redelivered: 'true' } });
      expect(await bodiesIn(to)).toEqual([]);
      next.destroy();
    });

    it('may be one of several that are open', async () => {
      const to = freshName();
      const raw = await RawStomp.connect(subject.webSocketUrl);
      const named = (name: string, text: string) => text.replace('transaction:t', `transaction:${name}`);
      for (const name of ['one', 'two']) raw.send(named(name, begin) + named(name, send(to, name)));
      await raw.confirm(named('two', commit), 'committed');
      await raw.confirm(named('one', abort), 'aborted');
      expect(await bodiesIn(to)).toEqual(['two']);
      raw.destroy();
    });
  },
);
