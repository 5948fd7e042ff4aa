import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BrokerProcess, startBrokerProcess } from '../broker-process.ts';
import { type DynamoEngine, dynamoAvailable, dynamoTitle, startDynamo } from '../dynamodb-local.ts';
import { temporaryFolder } from '../folders.ts';
import { runRestTraffic } from '../rest-traffic.ts';
import { runTraffic } from '../traffic.ts';

const shape = { messages: 10_000, producers: 4, consumers: 4 };

type Urls = Awaited<BrokerProcess['ready']>;

function expectAllOnce({ ledger, perSecond }: Awaited<ReturnType<typeof runTraffic>>, how: string, messages: number) {
  process.stdout.write(`${how}: ${messages} messages of 1 KB, ${perSecond} a second\n`);
  expect(ledger.confirmedCount).toBe(messages);
  expect(ledger.lost).toEqual([]);
  expect(ledger.invented).toEqual([]);
  expect(ledger.repeated).toEqual([]);
  expect(ledger.returned).toEqual([]);
}

describe('10,000 messages from 4 producers to 4 consumers, on the embedded store', () => {
  const folder = temporaryFolder();
  let broker: BrokerProcess;
  let urls: Urls;
  beforeAll(async () => {
    broker = startBrokerProcess(['--data', folder.path]);
    urls = await broker.ready;
  });
  afterAll(async () => {
    await broker.end();
    folder[Symbol.dispose]();
  });

  it('all arrive once over WebSocket', async () => {
    const run = await runTraffic({ ...shape, url: urls.webSocketUrl, queue: '/queue/over-websocket' });
    expectAllOnce(run, 'WebSocket', shape.messages);
  });

  it('all arrive once over plain TCP', async () => {
    const run = await runTraffic({ ...shape, url: urls.stompUrl, queue: '/queue/over-tcp' });
    expectAllOnce(run, 'TCP', shape.messages);
  });

  it('all arrive once over REST', async () => {
    const run = await runRestTraffic({ ...shape, url: urls.url, queue: 'over-rest' });
    expectAllOnce(run, 'REST, in tens', shape.messages);
  });

  it('it has nothing to say on its error output', () => {
    expect(broker.errors()).toBe('');
  });
});

describe.skipIf(!dynamoAvailable())(dynamoTitle('500 messages from 4 producers to 4 consumers'), () => {
  let engine: DynamoEngine;
  let broker: BrokerProcess;
  let urls: Urls;
  beforeAll(async () => {
    engine = await startDynamo();
    broker = startBrokerProcess(['--store', 'dynamodb', '--table-prefix', 'traffic', '--endpoint', engine.endpoint]);
    urls = await broker.ready;
  });
  afterAll(async () => {
    await broker.end();
    await engine.stop();
  });

  it.each([
    ['WebSocket', () => urls.webSocketUrl],
    ['TCP', () => urls.stompUrl],
  ])('all arrive once over %s', async (how, url) => {
    const run = await runTraffic({ ...shape, messages: 500, window: 10, url: url(), queue: `/queue/dynamo-${how}` });
    expectAllOnce(run, `${how}, DynamoDB`, 500);
  });
});
