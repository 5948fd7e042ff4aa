import { afterAll, beforeAll, expect, it } from 'vitest';
import { RawStomp, textOf } from '../raw-stomp.ts';
import { describeOrdered, freshName, type Subject, startSubject } from '../subject.ts';

/** More than the broker and both ends of a socket hold for a client that does not read. */
const BACKLOG = 40;
const body = 'x'.repeat(1024 * 1024);

describeOrdered('how much API Gateway holds for a client is not to be seen', 'a consumer that does not read', () => {
  let broker: Subject;
  beforeAll(async () => {
    broker = await startSubject();
  });
  afterAll(() => broker.close());

  async function sendNumbers(queue: string, from: number, to: number): Promise<void> {
    const producer = await RawStomp.connect(broker.rawUrl);
    for (let i = from; i < to; i++) {
      await producer.confirm(`SEND\ndestination:/queue/${queue}\nreceipt:${i}\n\n${i} ${body}\0`, String(i));
    }
    producer.destroy();
  }

  async function depthOf(queue: string): Promise<number> {
    return ((await (await fetch(`${broker.url}/v1/queues/${queue}`)).json()) as { depth: number }).depth;
  }

  async function consumer(url: string, queue: string): Promise<RawStomp> {
    const raw = await RawStomp.connect(url);
    await raw.ask(`SUBSCRIBE\nid:s\ndestination:/queue/${queue}\nack:auto\nreceipt:s\n\n\0`);
    return raw;
  }

  async function numbers(raw: RawStomp, count: number): Promise<number[]> {
    const messages = await raw.messages(count);
    expect(messages.filter(({ headers }) => headers.redelivered === 'true')).toEqual([]);
    return messages.map((message) => Number.parseInt(textOf(message), 10));
  }

  const upTo = (count: number, from = 0) => Array.from({ length: count }, (_, i) => from + i);

  it.each([['TCP'], ['WebSocket']])('gets the rest once it has read what it was sent, over %s', async (transport) => {
    const queue = freshName();
    const slow = await consumer(transport === 'TCP' ? broker.rawUrl : broker.webSocketUrl, queue);
    slow.stopReading();
    await sendNumbers(queue, 0, BACKLOG);
    expect(await depthOf(queue)).toBeGreaterThan(0);
    slow.resumeReading();
    expect(await numbers(slow, BACKLOG)).toEqual(upTo(BACKLOG));
    await expect.poll(() => depthOf(queue)).toBe(0);
    slow.destroy();
  });

  it.each([['TCP'], ['WebSocket']])('leaves the queue to the others, over %s', async (transport) => {
    const queue = freshName();
    const slow = await consumer(transport === 'TCP' ? broker.rawUrl : broker.webSocketUrl, queue);
    slow.stopReading();
    await sendNumbers(queue, 0, BACKLOG);
    const left = await depthOf(queue);
    const quick = await consumer(broker.rawUrl, queue);
    const begun = BACKLOG - left;
    expect(await numbers(quick, left)).toEqual(upTo(left, begun));
    await sendNumbers(queue, BACKLOG, 2 * BACKLOG);
    expect(await numbers(quick, BACKLOG)).toEqual(upTo(BACKLOG, BACKLOG));
    slow.resumeReading();
    expect(await numbers(slow, begun)).toEqual(upTo(begun));
    for (const raw of [slow, quick]) raw.destroy();
  });
});
