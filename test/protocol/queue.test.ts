import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunningBroker } from '../../lib/server/options.ts';
import { startBroker } from '../../lib/server/start-broker.ts';
import type { Frame } from '../../lib/stomp/frame.ts';
import { RawStomp, textOf } from '../raw-stomp.ts';
import { connect, sendWithReceipt, subscribe, withReceipt } from '../stomp-clients.ts';

let broker: RunningBroker;
beforeAll(async () => {
  broker = await startBroker({ port: 0, memory: true });
});
afterAll(() => broker.close());

let queues = 0;
function freshQueue(): string {
  return `/queue/q${++queues}`;
}

async function describeQueue(destination: string) {
  const response = await fetch(`${broker.url}/v1/queues/${destination.replace('/queue/', '')}`);
  return (await response.json()) as { depth: number; inFlight: number; consumers: number };
}

function subscribeFrame(queue: string, headers: string): string {
  return `SUBSCRIBE\nid:s\ndestination:${queue}\nreceipt:sub\n${headers}\n\n\0`;
}

function sendFrame(queue: string, body: string, headers = ''): string {
  return `SEND\ndestination:${queue}\nreceipt:${body}\n${headers}\n${body}\0`;
}

/** A session that has sent these bodies, in this order. */
async function sessionWith(queue: string, bodies: readonly string[]): Promise<RawStomp> {
  const raw = await RawStomp.connect(broker.stompUrl);
  for (const body of bodies) await raw.ask(sendFrame(queue, body));
  return raw;
}

async function take(raw: RawStomp, count: number): Promise<Frame[]> {
  const frames: Frame[] = [];
  while (frames.length < count) {
    const frame = await raw.next();
    if (frame.command === 'MESSAGE') frames.push(frame);
    else if (frame.command === 'ERROR') throw new Error(textOf(frame));
  }
  return frames;
}

describe('a message', () => {
  it('arrives with its headers, and with those that the broker adds', async () => {
    const queue = freshQueue();
    const raw = await RawStomp.connect(broker.stompUrl);
    const headers = 'priority:7\nreply-to:/queue/answers\ncorrelation-id:c-1\nx-colour:dark\\cblue\npersistent:true\n';
    await raw.ask(sendFrame(queue, 'body', headers));
    raw.send(subscribeFrame(queue, 'ack:client-individual'));
    const [message] = await take(raw, 1);
    expect(message?.headers).toMatchObject({
      destination: queue,
      subscription: 's',
      redelivered: 'false',
      priority: '7',
      'reply-to': '/queue/answers',
      'correlation-id': 'c-1',
      'x-colour': 'dark:blue',
    });
    expect(message?.headers['message-id']).toMatch(/^[\w-]+$/);
    expect(message?.headers.ack).toMatch(/^[\w-]+$/);
    expect(message?.headers.receipt).toBeUndefined();
  });

  it('is a text without content-length, and octets with it', async () => {
    const queue = freshQueue();
    const raw = await RawStomp.connect(broker.stompUrl);
    await raw.ask(sendFrame(queue, 'text'));
    await raw.ask(
      Buffer.concat([
        Buffer.from(`SEND\ndestination:${queue}\nreceipt:r\ncontent-length:4\n\n`),
        Buffer.of(0, 255, 0, 10, 0),
      ]),
    );
    raw.send(subscribeFrame(queue, 'ack:auto'));
    const [text, octets] = await take(raw, 2);
    expect(text?.hasContentLength).toBe(false);
    expect(octets?.headers['content-length']).toBe('4');
    expect([...(octets?.body ?? [])]).toEqual([0, 255, 0, 10]);
  });

  it('goes to a queue by its bare name, and by a name with slashes', async () => {
    const raw = await RawStomp.connect(broker.stompUrl);
    await raw.ask(sendFrame('bare', 'one'));
    await raw.ask(sendFrame('/queue/deep/er/est', 'two'));
    expect(await describeQueue('/queue/bare')).toMatchObject({ depth: 1 });
    expect(await describeQueue('/queue/deep/er/est')).toMatchObject({ depth: 1 });
  });

  it('that has expired is not delivered', async () => {
    const queue = freshQueue();
    const raw = await RawStomp.connect(broker.stompUrl);
    await raw.ask(sendFrame(queue, 'stale', `expires:${Date.now() - 1}\n`));
    await raw.ask(sendFrame(queue, 'fresh', `expires:${Date.now() + 60_000}\n`));
    raw.send(subscribeFrame(queue, 'ack:auto'));
    const [message] = await take(raw, 1);
    expect(message && textOf(message)).toBe('fresh');
  });
});

describe('an acknowledgement', () => {
  it('of one message in client-individual mode is of that one alone', async () => {
    const queue = freshQueue();
    const raw = await sessionWith(queue, ['a', 'b', 'c']);
    raw.send(subscribeFrame(queue, 'ack:client-individual'));
    const messages = await take(raw, 3);
    await raw.ask(`ACK\nid:${messages[1]?.headers.ack}\nreceipt:1\n\n\0`);
    expect(await describeQueue(queue)).toMatchObject({ depth: 0, inFlight: 2 });
  });

  it('in client mode is of all that came before it on the subscription', async () => {
    const queue = freshQueue();
    const raw = await sessionWith(queue, ['a', 'b', 'c']);
    raw.send(subscribeFrame(queue, 'ack:client'));
    const messages = await take(raw, 3);
    await raw.ask(`ACK\nid:${messages[1]?.headers.ack}\nreceipt:1\n\n\0`);
    expect(await describeQueue(queue)).toMatchObject({ depth: 0, inFlight: 1 });
  });

  it('is not needed in auto mode', async () => {
    const queue = freshQueue();
    const raw = await sessionWith(queue, ['a', 'b', 'c']);
    raw.send(subscribeFrame(queue, 'ack:auto'));
    await take(raw, 3);
    await raw.ask('UNSUBSCRIBE\nid:s\nreceipt:u\n\n\0');
    expect(await describeQueue(queue)).toMatchObject({ depth: 0, inFlight: 0, consumers: 0 });
  });

  it('that comes twice is done and confirmed twice', async () => {
    const queue = freshQueue();
    const raw = await sessionWith(queue, ['a']);
    raw.send(subscribeFrame(queue, 'ack:client-individual'));
    const [message] = await take(raw, 1);
    const ack = `ACK\nid:${message?.headers.ack}\nreceipt:done\n\n\0`;
    expect((await raw.ask(ack)).headers['receipt-id']).toBe('done');
    expect((await raw.ask(ack)).headers['receipt-id']).toBe('done');
  });

  it.each(['1.0', '1.1'] as const)('of STOMP %s is by message id', async (version) => {
    const queue = freshQueue();
    await sessionWith(queue, ['a', 'b']);
    const raw = await RawStomp.connect(broker.stompUrl, version);
    raw.send(subscribeFrame(queue, 'ack:client'));
    const [first] = await take(raw, 2);
    expect(first?.headers.ack).toBeUndefined();
    await raw.ask(`ACK\nsubscription:s\nmessage-id:${first?.headers['message-id']}\nreceipt:1\n\n\0`);
    expect(await describeQueue(queue)).toMatchObject({ depth: 0, inFlight: 1 });
  });
});

describe('a message that is not acknowledged', () => {
  it('is redelivered with its id and a flag after a NACK', async () => {
    const queue = freshQueue();
    const raw = await sessionWith(queue, ['a']);
    raw.send(subscribeFrame(queue, 'ack:client-individual'));
    const [first] = await take(raw, 1);
    raw.send(`NACK\nid:${first?.headers.ack}\n\n\0`);
    const [second] = await take(raw, 1);
    expect(second?.headers).toMatchObject({ 'message-id': first?.headers['message-id'], redelivered: 'true' });
    expect(second?.headers.ack).not.toBe(first?.headers.ack);
  });

  it('returns when its consumer goes, ahead of those that came later', async () => {
    const queue = freshQueue();
    const first = await sessionWith(queue, ['a', 'b', 'c']);
    first.send(subscribeFrame(queue, 'ack:client-individual\nprefetch-count:2'));
    await take(first, 2);
    first.destroy();
    const second = await RawStomp.connect(broker.stompUrl);
    second.send(subscribeFrame(queue, 'ack:client-individual'));
    const messages = await take(second, 3);
    expect(messages.map((message) => [textOf(message), message.headers.redelivered])).toEqual([
      ['a', 'true'],
      ['b', 'true'],
      ['c', 'false'],
    ]);
  });

  it('goes to the dead-letter queue after its sixth failed delivery, and stays there', async () => {
    const queue = freshQueue();
    const deadLetters = queue.replace('/queue/', '/queue/DLQ.');
    const raw = await sessionWith(queue, ['poison']);
    raw.send(subscribeFrame(queue, 'ack:client-individual'));
    const ids = new Set<string | undefined>();
    for (let delivery = 1; delivery <= 6; delivery++) {
      const [message] = await take(raw, 1);
      ids.add(message?.headers['message-id']);
      raw.send(`NACK\nid:${message?.headers.ack}\n\n\0`);
    }
    expect(ids.size).toBe(1);
    raw.send(`SUBSCRIBE\nid:dead\ndestination:${deadLetters}\nack:client-individual\n\n\0`);
    for (let delivery = 1; delivery <= 8; delivery++) {
      const [message] = await take(raw, 1);
      expect(message?.headers).toMatchObject({
        destination: deadLetters,
        'original-destination': queue,
        'original-message-id': [...ids][0],
        'delivery-count': '6',
        'dead-letter-reason': 'deliveries exhausted',
      });
      raw.send(`NACK\nid:${message?.headers.ack}\n\n\0`);
    }
    expect(await describeQueue(queue)).toMatchObject({ depth: 0, inFlight: 0 });
  });
});

describe('a consumer', () => {
  it('gets no more than its prefetch ahead of its acknowledgements', async () => {
    const queue = freshQueue();
    const raw = await sessionWith(queue, ['a', 'b', 'c', 'd']);
    await raw.ask(subscribeFrame(queue, 'ack:client-individual\nactivemq.prefetchSize:2'));
    const [first] = await take(raw, 1);
    expect(await describeQueue(queue)).toMatchObject({ depth: 2, inFlight: 2 });
    raw.send(`ACK\nid:${first?.headers.ack}\n\n\0`);
    const [, third] = await take(raw, 2);
    expect(third && textOf(third)).toBe('c');
  });

  it('shares a queue with others fairly, each message going to one of them', async () => {
    const queue = freshQueue();
    const consumers = await Promise.all(Array.from({ length: 4 }, () => connect(broker.webSocketUrl)));
    const got = consumers.map(() => 0);
    const { promise: all, resolve } = Promise.withResolvers<void>();
    await Promise.all(
      consumers.map((consumer, i) =>
        subscribe(consumer, queue, (message) => {
          got[i] = (got[i] ?? 0) + 1;
          message.ack();
          if (got.reduce((sum, count) => sum + count) === 400) resolve();
        }),
      ),
    );
    const producer = await connect(broker.webSocketUrl);
    for (let i = 0; i < 400; i++) await sendWithReceipt(producer, queue, String(i));
    await all;
    expect(Math.min(...got)).toBeGreaterThan(50);
    await Promise.all([...consumers, producer].map(({ client }) => client.deactivate()));
  });

  it('that disconnects gets its receipt before the connection closes', async () => {
    const client = await connect(broker.webSocketUrl);
    const receipt = Promise.withResolvers<void>();
    client.client.onDisconnect = () => receipt.resolve();
    await client.client.deactivate();
    await receipt.promise;
    await client.closed;
  });

  it('gets nothing more after its UNSUBSCRIBE is confirmed', async () => {
    const queue = freshQueue();
    const client = await connect(broker.webSocketUrl);
    let got = 0;
    await withReceipt(client.client, (receipt) => {
      const subscription = client.client.subscribe(queue, () => got++, { ack: 'auto', id: 'x' });
      subscription.unsubscribe({ receipt });
    });
    await sendWithReceipt(client, queue, 'late');
    expect(await describeQueue(queue)).toMatchObject({ depth: 1, consumers: 0 });
    expect(got).toBe(0);
    await client.client.deactivate();
  });
});

describe('a session', () => {
  it('reads several frames in one piece, a frame in many pieces, CRLF, and line ends between frames', async () => {
    const queue = freshQueue();
    const raw = await RawStomp.connect(broker.stompUrl);
    raw.send(`\n\r\nSEND\r\ndestination:${queue}\r\nreceipt:1\r\n\r\none\0\n\n${sendFrame(queue, 'two')}`);
    expect((await raw.next()).headers['receipt-id']).toBe('1');
    expect((await raw.next()).headers['receipt-id']).toBe('two');
    for (const octet of Buffer.from(sendFrame(queue, 'three'))) raw.send(Buffer.of(octet));
    expect((await raw.next()).headers['receipt-id']).toBe('three');
    expect(await describeQueue(queue)).toMatchObject({ depth: 3 });
  });

  it('takes the first of repeated headers', async () => {
    const [one, other] = [freshQueue(), freshQueue()];
    const raw = await RawStomp.connect(broker.stompUrl);
    await raw.ask(`SEND\ndestination:${one}\ndestination:${other}\nreceipt:1\n\nbody\0`);
    expect(await describeQueue(one)).toMatchObject({ depth: 1 });
  });

  it('agrees on a version, and opens with STOMP as with CONNECT', async () => {
    const raw = await RawStomp.open(broker.stompUrl);
    const connected = await raw.ask('STOMP\naccept-version:1.0,1.1,2.0\nhost:elsewhere\n\n\0');
    expect(connected.headers).toMatchObject({ version: '1.1', server: expect.stringMatching(/^CirrusMQ\//) });
  });

  it('keeps heart-beats that were agreed on', async () => {
    const lively = await startBroker({
      port: 0,
      memory: true,
      limits: { heartBeatSendMs: 50, heartBeatReceiveMs: 50 },
    });
    const raw = await RawStomp.open(lively.stompUrl);
    const connected = await raw.ask('CONNECT\naccept-version:1.2\nhost:a\nheart-beat:100,50\n\n\0');
    expect(connected.headers['heart-beat']).toBe('50,50');
    // This client is silent, against what it said: the server ends the connection, having sent its own.
    await raw.closed;
    expect(raw.heartBeats).toBeGreaterThan(1);
    await lively.close();
  });
});
