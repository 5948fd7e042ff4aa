import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBroker } from '../../lib/server/start-broker.ts';
import { RawStomp, textOf } from '../raw-stomp.ts';
import { connect, sendWithReceipt, subscribe, withReceipt } from '../stomp-clients.ts';
import { freshName, itOrdered, itUnordered, type Subject, startSubject } from '../subject.ts';
import { sendFrame, subscribeFrame } from './frames.ts';

let broker: Subject;
beforeAll(async () => {
  broker = await startSubject();
});
afterAll(() => broker.close());

function freshQueue(): string {
  return `/queue/${freshName()}`;
}

async function describeQueue(destination: string) {
  const response = await fetch(`${broker.url}/v1/queues/${destination.replace('/queue/', '')}`);
  return (await response.json()) as { depth: number; inFlight: number; consumers: number };
}

/** A consumer has its message before the turn is committed that gave it: what is described settles soon after. */
function expectQueue(destination: string) {
  return expect.poll(() => describeQueue(destination), { timeout: 10_000 });
}

/** A session that has sent these bodies, in this order. */
async function sessionWith(queue: string, bodies: readonly string[]): Promise<RawStomp> {
  const raw = await RawStomp.connect(broker.rawUrl);
  for (const body of bodies) await raw.confirm(sendFrame(queue, body), body);
  return raw;
}

describe('a message', () => {
  it.each([
    ['True', 'true'],
    ['FALSE', 'false'],
  ])('is persistent or not by any spelling, as languages write it: %s', async (written, meant) => {
    const queue = freshQueue();
    const raw = await sessionWith(queue, []);
    await raw.confirm(sendFrame(queue, 'body', { persistent: written }), 'body');
    raw.send(subscribeFrame(queue));
    expect((await raw.messages(1))[0]?.headers.persistent).toBe(meant);
    raw.destroy();
  });

  it('is for a subscription whose selector is empty, or that asks for what a queue does anyway', async () => {
    const queue = freshQueue();
    const raw = await sessionWith(queue, ['body']);
    const headers = {
      selector: ' ',
      durable: 'true',
      'auto-delete': 'false',
      exclusive: 'false',
      'x-queue-type': 'quorum',
    };
    raw.send(subscribeFrame(queue, headers));
    expect(textOf((await raw.messages(1))[0] as never)).toBe('body');
    raw.destroy();
  });

  it('arrives with its headers, and with those that the broker adds', async () => {
    const queue = freshQueue();
    const raw = await RawStomp.connect(broker.rawUrl);
    const headers = {
      priority: 7,
      'reply-to': '/queue/answers',
      'correlation-id': 'c-1',
      'x-colour': 'dark\\cblue',
      persistent: 'true',
    };
    await raw.confirm(sendFrame(queue, 'body', headers), 'body');
    raw.send(subscribeFrame(queue, { ack: 'client-individual' }));
    const [message] = await raw.messages(1);
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
    const raw = await sessionWith(queue, ['text']);
    await raw.confirm(`SEND\ndestination:${queue}\nreceipt:r\ncontent-length:4\n\n\0a\0\n\0`, 'r');
    raw.send(subscribeFrame(queue, { ack: 'auto' }));
    const [text, octets] = await raw.messages(2);
    expect(text?.hasContentLength).toBe(false);
    expect(octets?.headers['content-length']).toBe('4');
    expect([...(octets?.body ?? [])]).toEqual([0, 97, 0, 10]);
  });

  itOrdered('API Gateway carries text alone', 'may be octets that are no text', async () => {
    const queue = freshQueue();
    const raw = await RawStomp.connect(broker.rawUrl);
    const head = Buffer.from(`SEND\ndestination:${queue}\nreceipt:r\ncontent-length:4\n\n`);
    await raw.confirm(Buffer.concat([head, Buffer.of(0, 255, 0, 10, 0)]), 'r');
    raw.send(subscribeFrame(queue, { ack: 'auto' }));
    const [octets] = await raw.messages(1);
    expect([...(octets?.body ?? [])]).toEqual([0, 255, 0, 10]);
  });

  itUnordered('these sockets carry any octet', 'that is no text travels as base64', async () => {
    const queue = freshQueue();
    const raw = await RawStomp.connect(broker.rawUrl);
    await raw.confirm(`SEND\ndestination:${queue}\nreceipt:r\ncontent-encoding:base64\n\nAP8ACg==\0`, 'r');
    const headers = { 'content-type': 'application/json' };
    const request = { method: 'POST', headers, body: '{"waitSeconds":5}' };
    const response = await fetch(`${broker.url}/v1/queues/${queue.replace('/queue/', '')}/receive`, request);
    const { messages } = (await response.json()) as { messages: { body: string; token: string }[] };
    expect(messages).toMatchObject([{ body: 'AP8ACg==', contentEncoding: 'base64' }]);
    raw.send(subscribeFrame(queue, { ack: 'auto' }));
    await fetch(`${broker.url}/v1/deliveries/reject`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ tokens: [messages[0]?.token] }),
    });
    const [octets] = await raw.messages(1);
    expect(octets?.headers['content-encoding']).toBe('base64');
    expect(octets && textOf(octets)).toBe('AP8ACg==');
  });

  it('goes to a queue by its bare name, and by a name with slashes', async () => {
    const raw = await RawStomp.connect(broker.rawUrl);
    const [bare, deep] = [freshName(), `${freshQueue()}/er/est`];
    await raw.confirm(sendFrame(bare, 'one'), 'one');
    await raw.confirm(sendFrame(deep, 'two'), 'two');
    expect(await describeQueue(`/queue/${bare}`)).toMatchObject({ depth: 1 });
    expect(await describeQueue(deep)).toMatchObject({ depth: 1 });
  });

  it('that has expired is not delivered', async () => {
    const queue = freshQueue();
    const raw = await RawStomp.connect(broker.rawUrl);
    await raw.confirm(sendFrame(queue, 'stale', { expires: Date.now() - 1 }), 'stale');
    await raw.confirm(sendFrame(queue, 'fresh', { expires: Date.now() + 60_000 }), 'fresh');
    raw.send(subscribeFrame(queue, { ack: 'auto' }));
    const [message] = await raw.messages(1);
    expect(message && textOf(message)).toBe('fresh');
  });
});

describe('an acknowledgement', () => {
  it('of one message in client-individual mode is of that one alone', async () => {
    const queue = freshQueue();
    const raw = await sessionWith(queue, ['a', 'b', 'c']);
    raw.send(subscribeFrame(queue, { ack: 'client-individual' }));
    const messages = await raw.messages(3);
    await raw.confirm(`ACK\nid:${messages[1]?.headers.ack}\nreceipt:1\n\n\0`, '1');
    await expectQueue(queue).toMatchObject({ depth: 0, inFlight: 2 });
  });

  it('in client mode is of all that came before it on the subscription', async () => {
    const queue = freshQueue();
    const raw = await sessionWith(queue, ['a', 'b', 'c']);
    raw.send(subscribeFrame(queue, { ack: 'client' }));
    const messages = await raw.messages(3);
    await raw.confirm(`ACK\nid:${messages[1]?.headers.ack}\nreceipt:1\n\n\0`, '1');
    await expectQueue(queue).toMatchObject({ depth: 0, inFlight: 1 });
  });

  it('is not needed in auto mode', async () => {
    const queue = freshQueue();
    const raw = await sessionWith(queue, ['a', 'b', 'c']);
    raw.send(subscribeFrame(queue, { ack: 'auto' }));
    await raw.messages(3);
    await raw.confirm('UNSUBSCRIBE\nid:s\nreceipt:u\n\n\0', 'u');
    await expectQueue(queue).toMatchObject({ depth: 0, inFlight: 0, consumers: 0 });
  });

  it('that comes twice is done and confirmed twice', async () => {
    const queue = freshQueue();
    const raw = await sessionWith(queue, ['a']);
    raw.send(subscribeFrame(queue, { ack: 'client-individual' }));
    const [message] = await raw.messages(1);
    const ack = `ACK\nid:${message?.headers.ack}\nreceipt:done\n\n\0`;
    for (let i = 0; i < 2; i++) expect(await raw.confirm(ack, 'done')).toMatchObject({ command: 'RECEIPT' });
  });

  it.each(['1.0', '1.1'] as const)('of STOMP %s is by message id', async (version) => {
    const queue = freshQueue();
    await sessionWith(queue, ['a', 'b']);
    const raw = await RawStomp.connect(broker.rawUrl, version);
    raw.send(subscribeFrame(queue, { ack: 'client' }));
    const [first] = await raw.messages(2);
    expect(first?.headers.ack).toBeUndefined();
    await raw.confirm(`ACK\nsubscription:s\nmessage-id:${first?.headers['message-id']}\nreceipt:1\n\n\0`, '1');
    await expectQueue(queue).toMatchObject({ depth: 0, inFlight: 1 });
  });
});

it('an expired message is in the depth until it comes to the front, and shown and given to nobody', async () => {
  const queue = freshQueue();
  const raw = await sessionWith(queue, ['alive']);
  for (const body of ['a', 'b']) await raw.confirm(sendFrame(queue, body, { expires: 1 }), body);
  await expectQueue(queue).toMatchObject({ depth: 3 });
  const page = await fetch(`${broker.url}/v1/queues/${queue.replace('/queue/', '')}/messages`);
  expect(((await page.json()) as { messages: { body: string }[] }).messages.map(({ body }) => body)).toEqual(['alive']);
  raw.send(subscribeFrame(queue, { ack: 'client-individual' }));
  const [message] = await raw.messages(1);
  raw.send(`ACK\nid:${message?.headers.ack}\n\n\0`);
  await expectQueue(queue).toMatchObject({ depth: 0, inFlight: 0, counts: { acknowledged: 1, expired: 2 } });
  raw.destroy();
});

describe('a message that is not acknowledged', () => {
  it('is redelivered with its id and a flag after a NACK', async () => {
    const queue = freshQueue();
    const raw = await sessionWith(queue, ['a']);
    raw.send(subscribeFrame(queue, { ack: 'client-individual' }));
    const [first] = await raw.messages(1);
    expect(first?.headers).toMatchObject({ redelivered: 'false', JMSXDeliveryCount: '1' });
    raw.send(`NACK\nid:${first?.headers.ack}\n\n\0`);
    const [second] = await raw.messages(1);
    expect(second?.headers).toMatchObject({ 'message-id': first?.headers['message-id'], redelivered: 'true' });
    expect(second?.headers.ack).not.toBe(first?.headers.ack);
  });

  it('says how often it was delivered, and never that it is redelivered for the first time', async () => {
    const queue = freshQueue();
    const raw = await sessionWith(queue, []);
    await raw.confirm(sendFrame(queue, 'a', { JMSXDeliveryCount: 9 }), 'a');
    const countOf = async () => {
      const [message] = await raw.messages(1);
      return [message?.headers.redelivered, message?.headers.JMSXDeliveryCount, message?.headers.ack];
    };
    raw.send(subscribeFrame(queue, { ack: 'client-individual' }));
    expect(await countOf()).toEqual(['false', '1', expect.any(String)]);
    await raw.confirm('UNSUBSCRIBE\nid:s\nreceipt:gone\n\n\0', 'gone');
    raw.send(subscribeFrame(queue, { id: 't', ack: 'client-individual' }));
    const again = await countOf();
    expect(again.slice(0, 2)).toEqual(['true', '2']);
    let last = again[2];
    for (const count of ['2', '3', '4']) {
      raw.send(`NACK\nid:${last}\n\n\0`);
      const next = await countOf();
      expect(next.slice(0, 2)).toEqual(['true', count]);
      last = next[2];
    }
    raw.destroy();
  });

  it('returns when its consumer goes, ahead of those that came later', async () => {
    const queue = freshQueue();
    const first = await sessionWith(queue, ['a', 'b', 'c']);
    first.send(subscribeFrame(queue, { ack: 'client-individual', 'prefetch-count': 2 }));
    await first.messages(2);
    first.destroy();
    await expectQueue(queue).toMatchObject({ consumers: 0 });
    const second = await RawStomp.connect(broker.rawUrl);
    second.send(subscribeFrame(queue, { ack: 'client-individual' }));
    const messages = await second.messages(3);
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
    raw.send(subscribeFrame(queue, { ack: 'client-individual' }));
    const ids = new Set<string | undefined>();
    for (let delivery = 1; delivery <= 6; delivery++) {
      const [message] = await raw.messages(1);
      ids.add(message?.headers['message-id']);
      raw.send(`NACK\nid:${message?.headers.ack}\n\n\0`);
    }
    expect(ids.size).toBe(1);
    raw.send(subscribeFrame(deadLetters, { id: 'dead', ack: 'client-individual' }));
    for (let delivery = 1; delivery <= 8; delivery++) {
      const [message] = await raw.messages(1);
      expect(message?.headers).toMatchObject({
        destination: deadLetters,
        'original-destination': queue,
        'original-message-id': [...ids][0],
        'delivery-count': '6',
        'dead-letter-reason': 'deliveries exhausted',
      });
      raw.send(`NACK\nid:${message?.headers.ack}\n\n\0`);
    }
    await expectQueue(queue).toMatchObject({ depth: 0, inFlight: 0 });
  });
});

describe('a consumer', () => {
  it('gets no more than its prefetch ahead of its acknowledgements', async () => {
    const queue = freshQueue();
    const raw = await sessionWith(queue, ['a', 'b', 'c', 'd']);
    await raw.confirm(subscribeFrame(queue, { ack: 'client-individual', 'activemq.prefetchSize': 2 }), 'sub');
    const [first] = await raw.messages(1);
    await expectQueue(queue).toMatchObject({ depth: 2, inFlight: 2 });
    raw.send(`ACK\nid:${first?.headers.ack}\n\n\0`);
    const [, third] = await raw.messages(2);
    expect(third && textOf(third)).toBe('c');
  });

  it('gets messages in the order in which their sends were confirmed', async () => {
    const queue = freshQueue();
    const consumer = await RawStomp.connect(broker.rawUrl);
    await consumer.confirm(subscribeFrame(queue, { ack: 'client-individual', 'prefetch-count': 100 }), 'sub');
    const bodies = Array.from({ length: 60 }, (_, i) => String(i));
    const arrived = consumer.messages(bodies.length);
    await sessionWith(queue, bodies);
    expect((await arrived).map(textOf)).toEqual(bodies);
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
    await subscribe(client, queue, () => got++, { ack: 'auto', id: 'x' });
    await withReceipt(client.client, (receipt) => client.client.unsubscribe('x', { receipt }));
    await sendWithReceipt(client, queue, 'late');
    await expectQueue(queue).toMatchObject({ depth: 1, consumers: 0 });
    expect(got).toBe(0);
    await client.client.deactivate();
  });
});

describe('a session', () => {
  it('reads several frames in one piece, CRLF, and line ends between frames', async () => {
    const queue = freshQueue();
    const raw = await RawStomp.connect(broker.rawUrl);
    raw.send(`\n\r\nSEND\r\ndestination:${queue}\r\nreceipt:1\r\n\r\none\0\n\n${sendFrame(queue, 'two')}`);
    expect((await raw.next()).headers['receipt-id']).toBe('1');
    expect((await raw.next()).headers['receipt-id']).toBe('two');
    await expectQueue(queue).toMatchObject({ depth: 2 });
  });

  itOrdered('each message is an invocation of its own', 'reads a frame in many pieces', async () => {
    const queue = freshQueue();
    const raw = await RawStomp.connect(broker.rawUrl);
    for (const octet of Buffer.from(sendFrame(queue, 'three'))) raw.send(Buffer.of(octet));
    expect((await raw.next()).headers['receipt-id']).toBe('three');
    await expectQueue(queue).toMatchObject({ depth: 1 });
  });

  it('that ends by DISCONNECT loses nothing that was sent before, though nobody waited for it', async () => {
    const queue = freshQueue();
    const { client, closed } = await connect(broker.webSocketUrl);
    for (let i = 0; i < 20; i++) client.publish({ destination: queue, body: String(i) });
    await client.deactivate();
    await closed;
    await expectQueue(queue).toMatchObject({ depth: 20 });
  });

  it('takes the first of repeated headers', async () => {
    const [one, other] = [freshQueue(), freshQueue()];
    const raw = await RawStomp.connect(broker.rawUrl);
    await raw.confirm(`SEND\ndestination:${one}\ndestination:${other}\nreceipt:1\n\nbody\0`, '1');
    await expectQueue(one).toMatchObject({ depth: 1 });
  });

  it('agrees on a version, and opens with STOMP as with CONNECT', async () => {
    const raw = await RawStomp.open(broker.rawUrl);
    const connected = await raw.ask('STOMP\naccept-version:1.0,1.1,2.0\nhost:elsewhere\n\n\0');
    expect(connected.headers).toMatchObject({ version: '1.1', server: expect.stringMatching(/^CirrusMQ\//) });
  });

  itOrdered(
    'in the cloud a heart-beat is billed, and none is offered',
    'keeps heart-beats that were agreed on',
    async () => {
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
    },
  );
});
