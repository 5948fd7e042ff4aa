import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BrokerProcess, startBrokerProcess } from '../broker-process.ts';
import { type DynamoEngine, dynamoAvailable, dynamoTitle, startDynamo } from '../dynamodb-local.ts';
import { temporaryFolder } from '../folders.ts';
import { freshName, type Subject, startSubject, subjectKind } from '../subject.ts';

type Received = {
  readonly messageId: string;
  readonly body: string;
  readonly token: string;
  readonly redelivered: boolean;
  readonly deliveryCount: number;
};

let url: string;

async function post(path: string, body: unknown = {}): Promise<unknown> {
  const headers = { 'content-type': 'application/json' };
  return (await fetch(`${url}/v1/${path}`, { method: 'POST', headers, body: JSON.stringify(body) })).json();
}

async function send(queue: string, ...bodies: string[]): Promise<void> {
  await post(`queues/${queue}/messages`, { messages: bodies.map((body) => ({ body })) });
}

async function receive(queue: string, options: object = {}): Promise<Received[]> {
  return ((await post(`queues/${queue}/receive`, options)) as { messages: Received[] }).messages;
}

function pulls() {
  it('bodies that JSON makes longer are all received, at the first try, in as many replies as it takes', async () => {
    const queue = freshName();
    const body = '\u0001'.repeat(100_000);
    for (let i = 0; i < 12; i++) await send(queue, body);
    const got: Received[] = [];
    for (let last = 1; last > 0; ) {
      const messages = await receive(queue, { max: 100, waitSeconds: got.length < 12 ? 2 : 0 });
      last = messages.length;
      got.push(...messages);
    }
    expect(got.map((message) => [message.deliveryCount, message.body === body])).toEqual(Array(12).fill([1, true]));
  });

  it('two receivers never hold the same message', async () => {
    const queue = freshName();
    const bodies = Array.from({ length: 60 }, (_, i) => `m${i}`);
    await send(queue, ...bodies);
    const got = await Promise.all(Array.from({ length: 12 }, () => receive(queue, { max: 5, waitSeconds: 5 })));
    expect(
      got
        .flat()
        .map(({ body }) => body)
        .sort(),
    ).toEqual(bodies.sort());
  });

  it('a receiver that dies gives its message back after the deadline, flagged and counted', async () => {
    const queue = freshName();
    await send(queue, 'kept');
    const [first] = await receive(queue, { visibilitySeconds: 1 });
    expect(await receive(queue)).toEqual([]);
    const begun = performance.now();
    const [second] = await receive(queue, { waitSeconds: 10 });
    expect(second).toMatchObject({ messageId: first?.messageId, redelivered: true, deliveryCount: 2 });
    expect(performance.now() - begun).toBeLessThan(5_000);
  });

  it('a receive that waits gets the message as it comes', async () => {
    const queue = freshName();
    const waiting = receive(queue, { waitSeconds: 10 });
    await send(queue, 'at last');
    expect((await waiting).map(({ body }) => body)).toEqual(['at last']);
  });

  it('an acknowledged message does not come back, though its deadline passes', async () => {
    const queue = freshName();
    await send(queue, 'done');
    const [message] = await receive(queue, { visibilitySeconds: 1 });
    await post('deliveries/acknowledge', { tokens: [message?.token] });
    expect(await receive(queue, { waitSeconds: 2 })).toEqual([]);
  });

  it('a rejected message is ready at once', async () => {
    const queue = freshName();
    await send(queue, 'again');
    const [message] = await receive(queue);
    await post('deliveries/reject', { tokens: [message?.token] });
    expect(await receive(queue, { waitSeconds: 5 })).toMatchObject([{ body: 'again', redelivered: true }]);
  });

  it('an extended delivery outlives its first deadline', async () => {
    const queue = freshName();
    await send(queue, 'slow work');
    const [message] = await receive(queue, { visibilitySeconds: 1 });
    await post('deliveries/extend', { tokens: [message?.token], visibilitySeconds: 60 });
    expect(await receive(queue, { waitSeconds: 2 })).toEqual([]);
  });
}

describe.skipIf(subjectKind === 'local')(`receivers on a ${subjectKind} broker`, () => {
  let broker: Subject;
  beforeAll(async () => {
    broker = await startSubject();
    ({ url } = broker);
  });
  afterAll(() => broker.close());
  pulls();
});

describe.runIf(subjectKind === 'local')('receivers on the embedded store', () => {
  const folder = temporaryFolder();
  let broker: BrokerProcess;
  beforeAll(async () => {
    broker = startBrokerProcess(['--data', folder.path]);
    ({ url } = await broker.ready);
  });
  afterAll(async () => {
    await broker.end();
    folder[Symbol.dispose]();
  });
  pulls();
});

describe.runIf(subjectKind === 'local' && dynamoAvailable())(dynamoTitle('receivers'), () => {
  let engine: DynamoEngine;
  let broker: BrokerProcess;
  beforeAll(async () => {
    engine = await startDynamo();
    broker = startBrokerProcess(['--store', 'dynamodb', '--table-prefix', 'pulls', '--endpoint', engine.endpoint]);
    ({ url } = await broker.ready);
  });
  afterAll(async () => {
    await broker.end();
    await engine.stop();
  });
  pulls();
});
