import type { IMessage } from '@stomp/stompjs';
import { describe, expect, it } from 'vitest';
import { startBrokerProcess } from '../broker-process.ts';
import { temporaryFolder } from '../folders.ts';
import { Prng } from '../simulation/prng.ts';
import { type Connected, connect, sendWithReceipt, subscribe } from '../stomp-clients.ts';

const MESSAGES = 10_000;
const KILLS = 30;
const BATCH = 10;
const FROM = 'transfer-from';
const TO = ['transfer-even', 'transfer-odd'] as const;
/** Where each transaction says what it moved. */
const MOVED = 'transfer-moved';
/** Where it is said, outside of it, that the frames of a transaction have taken effect. */
const CONFIRMED = 'transfer-confirmed';

/** Tells who waits how far it got. */
class Progress {
  count = 0;
  readonly #waiting: { readonly upTo: number; readonly resolve: () => void }[] = [];

  add(count: number): void {
    this.count += count;
    for (const { upTo, resolve } of this.#waiting) if (this.count >= upTo) resolve();
  }

  until(upTo: number): Promise<void> {
    if (this.count >= upTo) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ upTo, resolve }));
  }
}

async function fill(url: string): Promise<void> {
  for (let first = 0; first < MESSAGES; first += 100) {
    const messages = Array.from({ length: 100 }, (_, index) => ({ body: `${first + index}` }));
    const response = await fetch(`${url}/v1/queues/${FROM}/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ messages }),
    });
    if (!response.ok) throw new Error(await response.text());
  }
}

let transactions = 0;

/** Moves what it gets, ten at a time, each ten in one transaction, whose number is in all that it sends. */
async function startTransfer(url: string, progress: Progress): Promise<Connected> {
  const connected = await connect(url);
  const { client } = connected;
  const got: IMessage[] = [];
  const move = (messages: readonly IMessage[]) => {
    const { id, commit } = client.begin();
    const number = ++transactions;
    const headers = { transaction: id };
    for (const message of messages) {
      const destination = `/queue/${TO[Number(message.body) % 2]}`;
      client.publish({ destination, body: `${number} ${message.body}`, headers });
      message.ack(headers);
    }
    client.publish({ destination: `/queue/${MOVED}`, body: `${number}`, headers });
    commit();
    void sendWithReceipt(connected, `/queue/${CONFIRMED}`, `${number}`).then(() => progress.add(messages.length));
  };
  const take = (message: IMessage) => {
    got.push(message);
    if (got.length === BATCH) move(got.splice(0));
  };
  await subscribe(connected, `/queue/${FROM}`, take, { 'prefetch-count': String(4 * BATCH) });
  return connected;
}

async function bodiesIn(url: string, queue: string): Promise<string[]> {
  const bodies: string[] = [];
  for (let after: number | undefined = 0; after !== undefined; ) {
    const response = await fetch(`${url}/v1/queues/${queue}/messages?limit=100&after=${after}`);
    const page = (await response.json()) as { messages: { body: string }[]; next?: number };
    bodies.push(...page.messages.map(({ body }) => body));
    after = page.next;
  }
  return bodies;
}

describe('a transfer between queues in transactions, whose broker is killed with SIGKILL', () => {
  it(`moves each of ${MESSAGES} messages once, through ${KILLS} kills`, async () => {
    using folder = temporaryFolder();
    const seed = Date.now() % 2 ** 31;
    const prng = new Prng(seed);
    process.stdout.write(`kills by seed ${seed}\n`);
    const progress = new Progress();
    const first = startBrokerProcess(['--data', folder.path]);
    await fill((await first.ready).url);
    await first.end('SIGKILL');
    for (let kill = 0; kill < KILLS; kill++) {
      const broker = startBrokerProcess(['--data', folder.path]);
      const { webSocketUrl, stompUrl } = await broker.ready;
      const from = progress.count;
      const clients = await Promise.all([webSocketUrl, stompUrl].map((url) => startTransfer(url, progress)));
      await progress.until(from + 10 + prng.between(0, 400));
      await broker.end('SIGKILL');
      await Promise.all(clients.map(({ closed }) => closed));
    }
    const last = startBrokerProcess(['--data', folder.path]);
    const { webSocketUrl, url } = await last.ready;
    const inDoubt = await bodiesIn(url, FROM);
    expect(inDoubt.length % BATCH).toBe(0);
    const client = await startTransfer(webSocketUrl, progress);
    await progress.until(progress.count + inDoubt.length);
    const read = async () => (await Promise.all(TO.map((queue) => bodiesIn(url, queue)))).flat();
    // What a transaction sends is durable at its receipt, and may reach its queue a moment later.
    await expect
      .poll(async () => (await read()).length, { timeout: 30_000, interval: 500 })
      .toBeGreaterThanOrEqual(MESSAGES);
    const moved = await read();
    const numbers = moved.map((body) => Number(body.split(' ')[1]));
    const byTransaction = Map.groupBy(moved, (body) => body.split(' ')[0] ?? '');
    await expect.poll(async () => (await bodiesIn(url, MOVED)).length).toBe(byTransaction.size);
    const whole = await bodiesIn(url, MOVED);
    const confirmed = await bodiesIn(url, CONFIRMED);
    process.stdout.write(
      `${numbers.length} moved in ${whole.length} transactions, ${KILLS} kills: confirmed ${confirmed.length}, ` +
        `begun ${transactions}\n`,
    );
    expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: MESSAGES }, (_, index) => index));
    expect([...byTransaction].filter(([, bodies]) => bodies.length !== BATCH)).toEqual([]);
    expect([...byTransaction.keys()].toSorted()).toEqual(whole.toSorted());
    expect(confirmed.filter((number) => !byTransaction.has(number))).toEqual([]);
    expect(await bodiesIn(url, FROM)).toEqual([]);
    await client.client.deactivate();
    await last.end();
  }, 240_000);
});
