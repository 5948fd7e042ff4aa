import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBroker } from '../../lib/server/start-broker.ts';
import { gatherAudience, publish } from '../fan-out.ts';
import { RawStomp, textOf } from '../raw-stomp.ts';
import { connect, sendWithReceipt, subscribe, withReceipt } from '../stomp-clients.ts';
import { freshName, type Subject, startSubject } from '../subject.ts';
import { type FrameHeaders, sendFrame, subscribeFrame } from './frames.ts';

let broker: Subject;
beforeAll(async () => {
  broker = await startSubject();
});
afterAll(() => broker.close());

function freshTopic(): string {
  return `/topic/${freshName()}`;
}

/** A session with a subscription that is confirmed. */
async function subscriber(topic: string, url = broker.rawUrl): Promise<RawStomp> {
  const raw = await RawStomp.connect(url);
  expect((await raw.ask(subscribeFrame(topic))).command).toBe('RECEIPT');
  return raw;
}

async function publisher(): Promise<(topic: string, body: string, headers?: FrameHeaders) => Promise<void>> {
  const raw = await RawStomp.connect(broker.rawUrl);
  return async (topic, body, headers) => {
    expect((await raw.ask(sendFrame(topic, body, headers))).headers['receipt-id']).toBe(body);
  };
}

describe('a message on a topic', () => {
  it('reaches each of 50 sockets, all in the same order', async () => {
    const topic = freshTopic();
    const audience = await gatherAudience(broker.webSocketUrl, topic, 50);
    const producers = await Promise.all([connect(broker.webSocketUrl), connect(broker.webSocketUrl)]);
    const bodies = producers.map((_, p) => Array.from({ length: 100 }, (__, i) => `${p}-${i}`));
    await Promise.all(producers.map((producer, p) => publish(producer, topic, bodies[p] ?? [])));
    await audience.all(200);
    for (const got of audience.got) expect(got).toEqual(audience.got[0]);
    expect([...(audience.got[0] ?? [])].sort()).toEqual(bodies.flat().sort());
    await Promise.all([audience.end(), ...producers.map(({ client }) => client.deactivate())]);
  });

  it('arrives in the order in which it was receipted', async () => {
    const topic = freshTopic();
    const raw = await subscriber(topic);
    const send = await publisher();
    const bodies = Array.from({ length: 50 }, (_, i) => String(i));
    for (const body of bodies) await send(topic, body);
    expect((await raw.messages(50)).map(textOf)).toEqual(bodies);
  });

  it('bears its headers and the topic, and nothing to acknowledge it by', async () => {
    const topic = freshTopic();
    const raw = await subscriber(topic);
    await (await publisher())(topic, 'body', { priority: 7, colour: 'blue' });
    const [message] = await raw.messages(1);
    expect(message?.headers).toMatchObject({
      destination: topic,
      subscription: 's',
      redelivered: 'false',
      priority: '7',
      colour: 'blue',
    });
    expect(message?.headers['message-id']).toMatch(/^[\w-]+$/);
    expect(message?.headers.ack).toBeUndefined();
  });

  it.each(['false', 'true'])('arrives once: persistent:%s', async (persistent) => {
    const topic = freshTopic();
    const raw = await subscriber(topic);
    const send = await publisher();
    await send(topic, 'a', { persistent });
    await send(topic, 'b');
    expect((await raw.messages(2)).map(textOf)).toEqual(['a', 'b']);
  });

  it('does not arrive once it has expired', async () => {
    const topic = freshTopic();
    const raw = await subscriber(topic);
    const send = await publisher();
    await send(topic, 'late', { expires: 1 });
    await send(topic, 'timely', { expires: Date.now() + 60_000 });
    expect((await raw.messages(1)).map(textOf)).toEqual(['timely']);
  });

  it('may be published over REST, one by one or in a batch', async () => {
    const topic = freshTopic();
    const raw = await subscriber(topic);
    const post = async (type: string, body: string) => {
      const url = `${broker.url}/v1/topics/${topic.replace('/topic/', '')}/messages`;
      return await fetch(url, { method: 'POST', headers: { 'content-type': type }, body });
    };
    const one = await post('text/plain', 'one');
    expect(one.status).toBe(201);
    const batch = await post('application/json', JSON.stringify({ messages: [{ body: 'two' }, { body: 'three' }] }));
    expect(batch.status).toBe(200);
    const messages = await raw.messages(3);
    expect(messages.map(textOf)).toEqual(['one', 'two', 'three']);
    const { messageId } = (await one.json()) as { messageId: string };
    expect(messages[0]?.headers).toMatchObject({ destination: topic, 'message-id': messageId });
  });

  it('goes to nobody where nobody is, and a topic is no queue', async () => {
    const topic = freshTopic();
    await (await publisher())(topic, 'a');
    const name = topic.replace('/topic/', '');
    expect((await fetch(`${broker.url}/v1/queues/${name}`)).status).toBe(404);
    expect((await fetch(`${broker.url}/v1/topics/${name}/receive`, { method: 'POST' })).status).toBe(404);
    expect((await fetch(`${broker.url}/v1/topics/${name}/messages`)).status).toBe(405);
  });
});

describe('a subscriber', () => {
  it('gets what is sent after its receipt, and nothing of what was sent before', async () => {
    const topic = freshTopic();
    const send = await publisher();
    const first = await subscriber(topic);
    await send(topic, 'a');
    const second = await subscriber(topic);
    await send(topic, 'b');
    expect((await first.messages(2)).map(textOf)).toEqual(['a', 'b']);
    expect((await second.messages(1)).map(textOf)).toEqual(['b']);
  });

  it('gets nothing more after its UNSUBSCRIBE is confirmed', async () => {
    const topic = freshTopic();
    const client = await connect(broker.webSocketUrl);
    const got: string[] = [];
    const first = Promise.withResolvers<void>();
    const other = Promise.withResolvers<void>();
    const take = ({ body }: { readonly body: string }) => {
      got.push(body);
      first.resolve();
    };
    await subscribe(client, topic, take, { ack: 'auto', id: 'x' });
    await subscribe(client, topic, ({ body }) => body === 'b' && other.resolve(), { ack: 'auto', id: 'y' });
    await sendWithReceipt(client, topic, 'a');
    await first.promise;
    await withReceipt(client.client, (receipt) => client.client.unsubscribe('x', { receipt }));
    await sendWithReceipt(client, topic, 'b');
    await other.promise;
    expect(got).toEqual(['a']);
    await client.client.deactivate();
  });

  it('with two subscriptions on one connection gets each message on both', async () => {
    const topic = freshTopic();
    const raw = await subscriber(topic);
    await raw.ask(subscribeFrame(topic, { id: 'other' }));
    const send = await publisher();
    for (const body of ['a', 'b']) await send(topic, body);
    const bySubscription = Map.groupBy(await raw.messages(4), ({ headers }) => headers.subscription);
    expect(bySubscription.get('s')?.map(textOf)).toEqual(['a', 'b']);
    expect(bySubscription.get('other')?.map(textOf)).toEqual(['a', 'b']);
  });

  it('of a queue and a topic on one connection gets from both', async () => {
    const topic = freshTopic();
    const raw = await subscriber(topic);
    const queue = `/queue/${freshName()}`;
    await raw.ask(subscribeFrame(queue, { id: 'q' }));
    const send = await publisher();
    await send(queue, 'one');
    await send(topic, 'all');
    const destinations = (await raw.messages(2)).map(({ headers }) => headers.destination);
    expect(destinations.sort()).toEqual([queue, topic]);
  });

  it('that goes without a word harms nobody else', async () => {
    const topic = freshTopic();
    const [gone, stays] = await Promise.all([subscriber(topic), subscriber(topic)]);
    const send = await publisher();
    gone.destroy();
    for (const body of ['a', 'b', 'c']) await send(topic, body);
    expect((await stays.messages(3)).map(textOf)).toEqual(['a', 'b', 'c']);
  });

  it('that acknowledges what is done already is not held to it', async () => {
    const topic = freshTopic();
    const raw = await RawStomp.connect(broker.rawUrl, '1.1');
    await raw.ask(subscribeFrame(topic));
    await (await publisher())(topic, 'a');
    const [message] = await raw.messages(1);
    const id = message?.headers['message-id'];
    const receipt = await raw.ask(`ACK\nsubscription:s\nmessage-id:${id}\nreceipt:r\n\n\0`);
    expect(receipt.headers['receipt-id']).toBe('r');
  });

  it('that does not read is closed, and the others get everything', async () => {
    const impatient = await startBroker({ port: 0, memory: true, limits: { postMs: 2000 } });
    const topic = freshTopic();
    const [slow, quick] = await Promise.all([
      subscriber(topic, impatient.stompUrl),
      subscriber(topic, impatient.stompUrl),
    ]);
    slow.stopReading();
    const producer = await RawStomp.connect(impatient.stompUrl);
    const body = 'x'.repeat(1024 * 1024);
    const count = 40;
    for (let i = 0; i < count; i++) await producer.ask(`SEND\ndestination:${topic}\nreceipt:${i}\n\n${i} ${body}\0`);
    const got = await quick.messages(count);
    expect(got.map((frame) => Number.parseInt(textOf(frame), 10))).toEqual(Array.from({ length: count }, (_, i) => i));
    slow.resumeReading();
    await slow.closed;
    await impatient.close();
  });
});

it('a broker that stops does not wait for what its subscribers have not got', async () => {
  const stopping = await startBroker({ port: 0, memory: true });
  const topic = freshTopic();
  await subscriber(topic, stopping.stompUrl);
  const producer = await RawStomp.connect(stopping.stompUrl);
  const sends = Array.from({ length: 3000 }, () => `SEND\ndestination:${topic}\n\n${'x'.repeat(1024)}\0`);
  await producer.ask(`${sends.join('')}${sendFrame(topic, 'last')}`);
  const begun = performance.now();
  await stopping.close();
  expect(performance.now() - begun).toBeLessThan(2500);
});
