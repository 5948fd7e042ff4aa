import { describe, expect, it } from 'vitest';
import { type BrokerProcess, startBrokerProcess } from '../broker-process.ts';
import { dynamoAvailable, dynamoTitle, startDynamo } from '../dynamodb-local.ts';
import { temporaryFolder } from '../folders.ts';
import { freePort } from '../free-port.ts';
import { Ledger } from '../ledger.ts';
import { connect, sendWithReceipt } from '../stomp-clients.ts';
import { bodyOf } from '../texts.ts';
import { consume, produce } from '../traffic.ts';

/** Ports that both processes are given: only the master has them open. */
async function freePorts(): Promise<[string, string, string, string]> {
  const ports = await Promise.all([freePort(), freePort()]);
  return ['--port', String(ports[0]), '--stomp-port', String(ports[1])];
}

async function startPair(data: string): Promise<{ master: BrokerProcess; standby: BrokerProcess; url: string }> {
  const ports = await freePorts();
  const master = startBrokerProcess(['--data', data], ports);
  const { webSocketUrl: url } = await master.ready;
  const standby = startBrokerProcess(['--data', data], ports);
  await standby.standby;
  return { master, standby, url };
}

describe('a standby on the same folder', () => {
  it('takes over when the master is killed, and loses nothing', async () => {
    using folder = temporaryFolder();
    const { master, standby, url } = await startPair(folder.path);
    const ledger = new Ledger();
    const producer = await connect(url);
    const consumer = await connect(url);
    await consume(consumer, '/queue/kept', ledger, 20);
    let next = 0;
    void produce(producer, '/queue/kept', ledger, () => next++, { window: 50 });
    await ledger.until(() => ledger.confirmedCount >= 500);
    const killed = performance.now();
    await master.end('SIGKILL');
    await standby.ready;
    const tookMs = Math.round(performance.now() - killed);
    const successor = await connect(url);
    await consume(successor, '/queue/kept', ledger, 20);
    await sendWithReceipt(successor, '/queue/kept', 'after 0');
    await ledger.until(() => ledger.lost.length === 0);
    process.stdout.write(`the standby was ready ${tookMs} ms after the kill\n`);
    expect(ledger.unflagged).toEqual([]);
    expect(ledger.returned).toEqual([]);
    expect(tookMs).toBeLessThan(5_000);
    await successor.client.deactivate();
    await standby.end();
  });

  it('takes over when the master gives up on SIGTERM', async () => {
    using folder = temporaryFolder();
    const { master, standby, url } = await startPair(folder.path);
    const client = await connect(url);
    await sendWithReceipt(client, '/queue/kept', bodyOf(1));
    await master.end('SIGTERM');
    expect(master.process.exitCode).toBe(0);
    const { url: rest } = await standby.ready;
    const queue = (await (await fetch(`${rest}/v1/queues/kept`)).json()) as { depth: number };
    expect(queue.depth).toBe(1);
    await standby.end();
  });

  it('takes over from a master that is only paused, which can then write nothing and becomes the standby', async () => {
    using folder = temporaryFolder();
    await expectTakeoverFromPaused(['--data', folder.path]);
  }, 60_000);
});

describe.skipIf(!dynamoAvailable())(dynamoTitle('a standby on the same tables'), () => {
  it('takes over from a master that is only paused, which can then write nothing and becomes the standby', async () => {
    const engine = await startDynamo();
    const args = ['--store', 'dynamodb', '--table-prefix', 'standby', '--endpoint', engine.endpoint];
    await expectTakeoverFromPaused(args);
    await engine.stop();
  }, 60_000);
});

async function expectTakeoverFromPaused(args: readonly string[]): Promise<void> {
  const master = startBrokerProcess(args);
  const old = await connect((await master.ready).webSocketUrl);
  await sendWithReceipt(old, '/queue/kept', bodyOf(1));
  const standby = startBrokerProcess(args);
  await standby.standby;
  master.process.kill('SIGSTOP');
  // The kernel keeps the paused process's socket open: it reads this when it goes on.
  let hasReceipt = false;
  old.client.watchForReceipt('too-late', () => {
    hasReceipt = true;
  });
  old.client.publish({ destination: '/queue/kept', body: 'too late', headers: { receipt: 'too-late' } });
  const { url: rest } = await standby.ready;
  master.process.kill('SIGCONT');
  await old.closed;
  await master.standby;
  const queue = (await (await fetch(`${rest}/v1/queues/kept`)).json()) as { depth: number };
  expect(hasReceipt).toBe(false);
  expect(queue.depth).toBe(1);
  await Promise.all([standby.end(), master.end()]);
}
