import { describe, expect, it } from 'vitest';
import { startBrokerProcess } from '../broker-process.ts';
import { temporaryFolder } from '../folders.ts';
import { Ledger } from '../ledger.ts';
import { connect, sendWithReceipt, subscribe } from '../stomp-clients.ts';
import { bodyOf, indexOf } from '../texts.ts';
import { consume, produce } from '../traffic.ts';

const ROUNDS = 20;
const PREFETCH = 20;
const CONSUMERS = 4;

/** Traffic that is cut off: producers stop at the kill, consumers go on with the next broker. */
async function startTraffic(url: string, queue: string, ledger: Ledger, firstIndex: number) {
  let next = firstIndex;
  let isStopped = false;
  const consumers = await Promise.all(Array.from({ length: CONSUMERS }, () => connect(url)));
  await Promise.all(consumers.map((consumer) => consume(consumer, queue, ledger, PREFETCH)));
  const producers = await Promise.all(Array.from({ length: 4 }, () => connect(url)));
  // A lane whose receipt never comes stays behind with its connection.
  for (const producer of producers) {
    void produce(producer, queue, ledger, () => (isStopped ? undefined : next++), { window: 25 });
  }
  const all = [...producers, ...consumers];
  return {
    stop: () => {
      isStopped = true;
      return next;
    },
    closed: Promise.all(all.map(({ closed }) => closed)),
    end: () => Promise.all(all.map(({ client }) => client.deactivate({ force: true }))),
  };
}

describe('a broker that is killed with SIGKILL in the middle of traffic', () => {
  it(`loses no receipted message and flags what it repeats, ${ROUNDS} times over on one folder`, async () => {
    using folder = temporaryFolder();
    const ledger = new Ledger();
    const queue = '/queue/killed';
    let next = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const broker = startBrokerProcess(['--data', folder.path]);
      const { webSocketUrl, stompUrl } = await broker.ready;
      const from = ledger.confirmedCount;
      const traffic = await startTraffic(round % 2 === 0 ? webSocketUrl : stompUrl, queue, ledger, next);
      const killAfter = 20 + Math.floor(Math.random() * 400);
      await ledger.until(() => ledger.confirmedCount >= from + killAfter);
      await broker.end('SIGKILL');
      next = traffic.stop();
      await traffic.closed;
    }
    const broker = startBrokerProcess(['--data', folder.path]);
    const { webSocketUrl } = await broker.ready;
    const consumer = await connect(webSocketUrl);
    await consume(consumer, queue, ledger, PREFETCH);
    await ledger.until(() => ledger.lost.length === 0);
    process.stdout.write(
      `${ledger.confirmedCount} receipted, ${ROUNDS} kills: lost ${ledger.lost.length}, ` +
        `repeated ${ledger.repeated.length}, of these unflagged ${ledger.unflagged.length}, ` +
        `flagged at their first arrival ${ledger.flaggedFirst.length}\n`,
    );
    expect(ledger.invented).toEqual([]);
    expect(ledger.unflagged).toEqual([]);
    expect(ledger.returned).toEqual([]);
    // No more than the consumers had room for can have been on its way at a kill.
    expect(ledger.flaggedFirst.length).toBeLessThanOrEqual(ROUNDS * CONSUMERS * PREFETCH);
    await consumer.client.deactivate();
    await broker.end();
  }, 180_000);

  it('flags nothing of a queue that never had a consumer', async () => {
    using folder = temporaryFolder();
    const first = startBrokerProcess(['--data', folder.path]);
    const producer = await connect((await first.ready).webSocketUrl);
    const bodies = Array.from({ length: 200 }, (_, index) => bodyOf(index));
    await Promise.all(bodies.map((body) => sendWithReceipt(producer, '/queue/quiet', body)));
    await first.end('SIGKILL');
    const second = startBrokerProcess(['--data', folder.path]);
    const consumer = await connect((await second.ready).webSocketUrl);
    const got = await collect(consumer, '/queue/quiet', bodies.length);
    expect(got.map(({ body }) => indexOf(body))).toEqual(bodies.map((_, index) => index));
    expect(got.filter(({ redelivered }) => redelivered)).toEqual([]);
    await consumer.client.deactivate();
    await second.end();
  });

  it('flags what a consumer had, and nothing that its prefetch kept back', async () => {
    using folder = temporaryFolder();
    const first = startBrokerProcess(['--data', folder.path]);
    const client = await connect((await first.ready).webSocketUrl);
    const held = collect(client, '/queue/held', 7, { 'prefetch-count': '7' });
    const bodies = Array.from({ length: 40 }, (_, index) => bodyOf(index));
    for (const body of bodies) await sendWithReceipt(client, '/queue/held', body);
    expect((await held).map(({ body }) => indexOf(body))).toEqual([0, 1, 2, 3, 4, 5, 6]);
    await first.end('SIGKILL');
    const second = startBrokerProcess(['--data', folder.path]);
    const consumer = await connect((await second.ready).webSocketUrl);
    const got = await collect(consumer, '/queue/held', bodies.length, { 'prefetch-count': '100' });
    expect(got.map(({ body }) => indexOf(body))).toEqual(bodies.map((_, index) => index));
    expect(got.filter(({ redelivered }) => redelivered).map(({ body }) => indexOf(body))).toEqual([
      0, 1, 2, 3, 4, 5, 6,
    ]);
    await consumer.client.deactivate();
    await second.end();
  });
});

type Got = { readonly body: string; readonly redelivered: boolean };

/** Takes `count` messages without acknowledging them. */
async function collect(
  consumer: Awaited<ReturnType<typeof connect>>,
  queue: string,
  count: number,
  headers: Record<string, string> = { 'prefetch-count': String(count) },
): Promise<Got[]> {
  const got: Got[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  await subscribe(
    consumer,
    queue,
    (message) => {
      got.push({ body: message.body, redelivered: message.headers.redelivered === 'true' });
      if (got.length === count) resolve();
    },
    headers,
  );
  await promise;
  return got;
}
