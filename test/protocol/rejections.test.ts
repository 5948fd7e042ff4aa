import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Frame } from '../../lib/stomp/frame.ts';
import { RawStomp, textOf } from '../raw-stomp.ts';
import { freshName, type Subject, startSubject } from '../subject.ts';
import { sendFrame, subscribeFrame } from './frames.ts';

/** Clocks of two kinds are rounded. */
const ROUNDING_MS = 2;

let broker: Subject;
beforeAll(async () => {
  broker = await startSubject();
});
afterAll(() => broker.close());

type Received = { readonly token: string; readonly body: string; readonly deliveryCount: number };
type Json = { readonly messages: readonly Received[]; readonly error: { readonly message: string } };

async function ask(method: string, path: string, json?: unknown) {
  const headers = { 'content-type': 'application/json' };
  const body = json === undefined ? null : JSON.stringify(json);
  const response = await fetch(`${broker.url}/v1${path}`, { method, headers, body });
  return { status: response.status, json: (await response.json()) as Json };
}

function expectQueue(queue: string) {
  return expect.poll(async () => (await ask('GET', `/queues/${queue}`)).json, { timeout: 20_000 });
}

async function messageOf(raw: RawStomp): Promise<Frame> {
  const [message] = await raw.messages(1);
  return message as Frame;
}

/** A consumer of a queue that holds these bodies. */
async function consumerOf(queue: string, bodies: readonly string[], version: '1.1' | '1.2' = '1.2'): Promise<RawStomp> {
  const raw = await RawStomp.connect(broker.rawUrl, version);
  for (const body of bodies) await raw.confirm(sendFrame(`/queue/${queue}`, body), body);
  await raw.confirm(subscribeFrame(`/queue/${queue}`, { ack: 'client-individual' }), 'sub');
  return raw;
}

const nack = ({ headers }: Frame, more: string) => `NACK\nid:${headers.ack}\n${more}\n\n\0`;

describe('a NACK with requeue:false', () => {
  it('sends the message to the dead-letter queue at once, which says that it was rejected', async () => {
    const queue = freshName();
    const raw = await consumerOf(queue, ['poison', 'good']);
    const [poison, good] = await raw.messages(2);
    raw.send(nack(poison as Frame, 'requeue:FALSE'));
    raw.send(`ACK\nid:${good?.headers.ack}\n\n\0`);
    raw.send(subscribeFrame(`/queue/DLQ.${queue}`, { id: 'dead' }));
    const letter = await messageOf(raw);
    expect(textOf(letter)).toBe('poison');
    expect(letter.headers).toMatchObject({ 'dead-letter-reason': 'rejected', 'delivery-count': '1' });
    const done = { depth: 0, inFlight: 0, counts: { acknowledged: 1, deadLettered: 1 } };
    await expectQueue(queue).toMatchObject(done);
    raw.destroy();
  });

  it('does so by message id in 1.1, and from a transaction once it is committed', async () => {
    const queue = freshName();
    const raw = await consumerOf(queue, ['poison'], '1.1');
    const { headers } = await messageOf(raw);
    const named = `subscription:${headers.subscription}\nmessage-id:${headers['message-id']}`;
    const staged = `NACK\n${named}\ntransaction:t\nrequeue:false\n\n\0`;
    await raw.confirm(`BEGIN\ntransaction:t\n\n\0${staged}COMMIT\ntransaction:t\nreceipt:c\n\n\0`, 'c');
    const deadLetters = () => ask('GET', `/queues/DLQ.${queue}/messages`);
    await expect.poll(deadLetters, { timeout: 20_000 }).toMatchObject({ json: { messages: [{ body: 'poison' }] } });
    raw.destroy();
  });

  it('in a dead-letter queue makes it ready again', async () => {
    const queue = `DLQ.${freshName()}`;
    const raw = await consumerOf(queue, ['poison']);
    raw.send(nack(await messageOf(raw), 'requeue:false'));
    expect((await messageOf(raw)).headers).toMatchObject({ redelivered: 'true', JMSXDeliveryCount: '2' });
    raw.destroy();
  });
});

describe('a NACK with a delay', () => {
  it('gives the message again when so much time has passed, and not before', async () => {
    const queue = freshName();
    const raw = await consumerOf(queue, ['later']);
    const later = await messageOf(raw);
    const before = performance.now();
    raw.send(nack(later, 'requeue:true\ndelay:600'));
    const again = await messageOf(raw);
    expect(performance.now() - before).toBeGreaterThan(600 - ROUNDING_MS);
    expect(again.headers).toMatchObject({ redelivered: 'true', JMSXDeliveryCount: '2' });
    raw.destroy();
  });

  it('counts as a delivery, and the last one is dead-lettered at once', async () => {
    const queue = freshName();
    const raw = await consumerOf(queue, ['poison']);
    for (let delivery = 1; delivery < 6; delivery++) raw.send(nack(await messageOf(raw), 'delay:5'));
    raw.send(nack(await messageOf(raw), 'delay:3600000'));
    raw.send(subscribeFrame(`/queue/DLQ.${queue}`, { id: 'dead' }));
    const letter = await messageOf(raw);
    expect(letter.headers).toMatchObject({ 'dead-letter-reason': 'deliveries exhausted', 'delivery-count': '6' });
    raw.destroy();
  });

  it('goes with a purge, and is shown by a browse until then', async () => {
    const queue = freshName();
    const raw = await consumerOf(queue, ['later']);
    await raw.confirm(nack(await messageOf(raw), 'delay:3600000\nreceipt:n'), 'n');
    await expectQueue(queue).toMatchObject({ delayed: 1, inFlight: 0, depth: 0 });
    const shown = { json: { messages: [{ body: 'later', inFlight: false }] } };
    expect(await ask('GET', `/queues/${queue}/messages`)).toMatchObject(shown);
    expect(await ask('DELETE', `/queues/${queue}/messages`)).toMatchObject({ json: { purged: 1 } });
    await expectQueue(queue).toMatchObject({ delayed: 0, depth: 0, counts: { purged: 1 } });
    raw.destroy();
  });
});

describe('a rejection over REST', () => {
  async function receive(queue: string, waitSeconds = 0) {
    const { json } = await ask('POST', `/queues/${queue}/receive`, { waitSeconds });
    return json.messages;
  }

  it('with a delay gives the message to who waits, when so much time has passed', async () => {
    const queue = freshName();
    await ask('POST', `/queues/${queue}/messages`, { body: 'later' });
    const [message] = await receive(queue, 5);
    const before = performance.now();
    await ask('POST', '/deliveries/reject', { tokens: [message?.token], delaySeconds: 0.7 });
    expect(await receive(queue, 10)).toMatchObject([{ body: 'later', deliveryCount: 2 }]);
    expect(performance.now() - before).toBeGreaterThan(700 - ROUNDING_MS);
  });

  it('with requeue false dead-letters it', async () => {
    const queue = freshName();
    await ask('POST', `/queues/${queue}/messages`, { body: 'poison' });
    const [message] = await receive(queue, 5);
    await ask('POST', '/deliveries/reject', { tokens: [message?.token], requeue: false });
    expect(await receive(`DLQ.${queue}`, 10)).toMatchObject([{ body: 'poison' }]);
  });

  it.each([
    [{ requeue: 'no' }, /requeue must be true or false/],
    [{ delaySeconds: -1 }, /delaySeconds must be at least 0/],
    [{ delaySeconds: 43_201 }, /delaySeconds must be at most 43200/],
    [{ requeue: false, delaySeconds: 1 }, /requeue false or delaySeconds, and not both/],
  ])('refuses %j', async (wrong, why) => {
    const { status, json } = await ask('POST', '/deliveries/reject', { tokens: ['a'], ...wrong });
    expect([status, json.error.message]).toEqual([400, expect.stringMatching(why)]);
  });
});
