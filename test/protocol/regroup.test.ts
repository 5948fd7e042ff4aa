import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DestinationGroup } from '../../lib/model/groups.ts';
import type { RunningBroker } from '../../lib/server/options.ts';
import { startBroker } from '../../lib/server/start-broker.ts';
import { type BrokerProcess, startBrokerProcess } from '../broker-process.ts';
import { type DynamoEngine, dynamoAvailable, dynamoTitle, startDynamo } from '../dynamodb-local.ts';
import { Ledger } from '../ledger.ts';
import { connect } from '../stomp-clients.ts';
import { consume, produce } from '../traffic.ts';

const orders: DestinationGroup = { name: 'orders', destinations: ['/queue/orders.>'] };
const queue = '/queue/orders.eu';

type Page = { readonly destinations: readonly { readonly destination: string; readonly group: string }[] };

describe.skipIf(!dynamoAvailable())(dynamoTitle('a change of destination groups'), () => {
  let engine: DynamoEngine;
  beforeAll(async () => {
    engine = await startDynamo();
  });
  afterAll(() => engine.stop());

  function start(tablePrefix: string, groups: readonly DestinationGroup[]): Promise<RunningBroker> {
    return startBroker({ port: 0, dynamodb: { tablePrefix, endpoint: engine.endpoint, groups } });
  }

  async function move(url: string, to: string): Promise<void> {
    for (let isDone = false; !isDone; ) {
      const response = await fetch(`${url}/v1/groups/move`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ destination: queue, to }),
      });
      const step = (await response.json()) as { isDone: boolean };
      expect([response.status, step]).toMatchObject([200, { destination: queue }]);
      ({ isDone } = step);
    }
  }

  async function groupOf(url: string): Promise<string | undefined> {
    const page = (await (await fetch(`${url}/v1/groups`)).json()) as Page;
    return page.destinations.find(({ destination }) => destination === queue)?.group;
  }

  it.each([
    ['added', [], [orders]],
    ['renamed', [orders], [{ ...orders, name: 'shop' }]],
    ['removed', [orders], []],
  ])('%s over live messages keeps them, and takes in more', async (change, before, after) => {
    const prefix = `regroup-${change}`;
    const ledger = new Ledger();
    let next = 0;
    const sendUpTo = async (url: string, end: number) => {
      const producer = await connect(url);
      await produce(producer, queue, ledger, () => (next < end ? next++ : undefined), { window: 8 });
      await producer.client.deactivate();
    };
    const old = await start(prefix, before);
    await sendUpTo(old.webSocketUrl, 30);
    await old.close();
    const present = await start(prefix, after);
    const consumer = await connect(present.webSocketUrl);
    await consume(consumer, queue, ledger, 5);
    await sendUpTo(present.webSocketUrl, 60);
    await ledger.until(() => ledger.distinct === 60);
    expect([ledger.lost, ledger.unflagged, ledger.invented]).toEqual([[], [], []]);
    await consumer.client.deactivate();
    await present.close();
  });

  it('lets a queue move while its consumers are connected, who go on', async () => {
    const broker = await start('regroup-moved', [orders]);
    const ledger = new Ledger();
    const [producer, consumer] = await Promise.all([connect(broker.webSocketUrl), connect(broker.webSocketUrl)]);
    await consume(consumer, queue, ledger, 5);
    let next = 0;
    let isOver = false;
    const producing = produce(producer, queue, ledger, () => (isOver ? undefined : next++), { window: 4 });
    await ledger.until(() => ledger.distinct >= 20);
    for (const to of ['default', 'orders', 'default']) {
      await move(broker.url, to);
      expect(await groupOf(broker.url)).toBe(to);
      const before = ledger.distinct;
      await ledger.until(() => ledger.distinct >= before + 20);
    }
    isOver = true;
    await producing;
    await ledger.until(() => ledger.distinct === next);
    expect([ledger.lost, ledger.unflagged, ledger.invented]).toEqual([[], [], []]);
    await Promise.all([producer.client.deactivate(), consumer.client.deactivate()]);
    await broker.close();
  }, 60_000);

  it('is shown on the command line, which moves what lives elsewhere than it is configured', async () => {
    const old = await start('regroup-line', []);
    const producer = await connect(old.webSocketUrl);
    const ledger = new Ledger();
    let next = 0;
    await produce(producer, queue, ledger, () => (next < 3 ? next++ : undefined), { window: 1 });
    await producer.client.deactivate();
    await old.close();
    const broker = await start('regroup-line', [orders]);
    const run = async (...args: readonly string[]) => {
      const env = { ...process.env, CIRRUSMQ_URL: broker.url };
      return (await promisify(execFile)(process.execPath, ['lib/cli/main.ts', 'groups', ...args], { env })).stdout;
    };
    const before = await run();
    expect(before).toMatch(/^default +1 +regroup-line-shards-default +all others$/m);
    expect(before).toMatch(/^orders +0 +regroup-line-shards-orders +\/queue\/orders\.>$/m);
    expect(before).toMatch(/^\/queue\/orders\.eu +default +orders \(move it, or leave it\)$/m);
    expect(await run('move', 'orders.eu')).toBe('/queue/orders.eu lives in orders.\n');
    expect(await run()).toMatch(/^\/queue\/orders\.eu +orders *$/m);
    const info = (await (await fetch(`${broker.url}/v1/queues/orders.eu`)).json()) as { depth: number };
    expect(info.depth).toBe(3);
    await broker.close();
  }, 60_000);

  it('survives that the process which moves a queue is killed, again and again', async () => {
    const args = ['--store', 'dynamodb', '--table-prefix', 'regroup-killed', '--endpoint', engine.endpoint];
    const serve = () => startBrokerProcess([...args, '--destination-groups', JSON.stringify([orders])]);
    const ledger = new Ledger();
    let broker: BrokerProcess = serve();
    let urls = await broker.ready;
    const producer = await connect(urls.webSocketUrl);
    let next = 0;
    await produce(producer, queue, ledger, () => (next < 200 ? next++ : undefined), { window: 16 });
    for (const afterMs of [5, 20, 40, 80, 120, 200]) {
      const moving = move(urls.url, 'default').catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      await broker.end('SIGKILL');
      await moving;
      broker = serve();
      urls = await broker.ready;
    }
    await move(urls.url, 'default');
    expect(await groupOf(urls.url)).toBe('default');
    const consumer = await connect(urls.webSocketUrl);
    await consume(consumer, queue, ledger, 20);
    await ledger.until(() => ledger.distinct === 200);
    expect([ledger.lost, ledger.unflagged, ledger.invented]).toEqual([[], [], []]);
    await consumer.client.deactivate();
    await broker.end();
  }, 120_000);
});
