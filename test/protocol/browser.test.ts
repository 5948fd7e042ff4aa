import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RawStomp, textOf } from '../raw-stomp.ts';
import { connect } from '../stomp-clients.ts';
import { freshName, itOrdered, itOwn, type Subject, startSubject, subjectKind } from '../subject.ts';
import { sendFrame, subscribeFrame } from './frames.ts';

let broker: Subject;
beforeAll(async () => {
  broker = await startSubject();
});
afterAll(() => broker.close());

const json = { 'content-type': 'application/json' };

async function fill(queue: string, bodies: readonly string[]): Promise<void> {
  for (let at = 0; at < bodies.length; at += 100) {
    const messages = bodies.slice(at, at + 100).map((body) => ({ body }));
    const init = { method: 'POST', headers: json, body: JSON.stringify({ messages }) };
    const response = await fetch(`${broker.url}/v1/queues/${queue}/messages`, init);
    expect(response.status).toBe(200);
  }
}

async function describeQueue(queue: string) {
  const response = await fetch(`${broker.url}/v1/queues/${queue}`);
  return { status: response.status, info: (await response.json()) as { depth: number; inFlight: number } };
}

/** What a browser shows, up to its end, which comes last. */
async function shownBy(raw: RawStomp, id = 's') {
  const shown: string[] = [];
  for (;;) {
    const [frame] = await raw.messages(1);
    if (!frame || frame.headers.subscription !== id) throw new Error(`of ${frame?.headers.subscription}`);
    if (frame.headers.browser === 'end') return { shown, end: frame };
    shown.push(textOf(frame));
  }
}

const numbers = (count: number) => Array.from({ length: count }, (_, i) => String(i));

describe('a SUBSCRIBE with browser:true', () => {
  it('shows what waits in its order, then its end, and takes nothing', async () => {
    const queue = freshName();
    await fill(queue, ['a', 'b', 'c']);
    const raw = await RawStomp.connect(broker.rawUrl);
    for (const id of ['one', 'two']) {
      raw.send(subscribeFrame(queue, { id, browser: 'True' }));
      const { shown, end } = await shownBy(raw, id);
      expect(shown).toEqual(['a', 'b', 'c']);
      expect(end.headers).toMatchObject({ destination: `/queue/${queue}`, subscription: id, browser: 'end' });
      expect(end.body).toHaveLength(0);
    }
    expect((await describeQueue(queue)).info).toMatchObject({ depth: 3, inFlight: 0 });
    raw.destroy();
  });

  it('shows each message with its headers, and with those that say what it is', async () => {
    const queue = freshName();
    const raw = await RawStomp.connect(broker.rawUrl);
    await raw.confirm(sendFrame(queue, 'body', { 'x-colour': 'blue', browser: 'end' }), 'body');
    raw.send(subscribeFrame(queue, { browser: 'true' }));
    const [message] = await raw.messages(1);
    expect(message?.headers).toMatchObject({
      destination: `/queue/${queue}`,
      'message-id': expect.stringMatching(/^[\w-]+$/),
      'x-colour': 'blue',
      redelivered: 'false',
    });
    expect(message?.headers.browser).toBeUndefined();
    raw.destroy();
  });

  it('shows what is with a consumer, too, and gets nothing that is sent later', async () => {
    const queue = freshName();
    await fill(queue, ['a', 'b']);
    const consumer = await RawStomp.connect(broker.rawUrl);
    consumer.send(subscribeFrame(queue, { ack: 'client-individual', 'prefetch-count': 1 }));
    await consumer.messages(1);
    const raw = await RawStomp.connect(broker.rawUrl);
    raw.send(subscribeFrame(queue, { browser: 'true' }));
    expect((await shownBy(raw)).shown).toEqual(['a', 'b']);
    await raw.confirm(sendFrame(queue, 'late'), 'late');
    await raw.confirm('UNSUBSCRIBE\nid:s\nreceipt:gone\n\n\0', 'gone');
    raw.send(subscribeFrame(queue, { browser: 'true' }));
    expect((await shownBy(raw)).shown).toEqual(['a', 'b', 'late']);
    consumer.destroy();
    raw.destroy();
  });

  it('shows an empty queue by its end alone, and creates none', async () => {
    const queue = freshName();
    const raw = await RawStomp.connect(broker.rawUrl);
    raw.send(subscribeFrame(queue, { browser: 'true' }));
    expect((await shownBy(raw)).shown).toEqual([]);
    expect((await describeQueue(queue)).status).toBe(404);
    await raw.confirm('UNSUBSCRIBE\nid:s\nreceipt:gone\n\n\0', 'gone');
    expect((await describeQueue(queue)).status).toBe(404);
    raw.destroy();
  });

  it.each(['1.0', '1.1', '1.2'] as const)('has acknowledgements confirmed that do nothing, in %s', async (version) => {
    const queue = freshName();
    await fill(queue, ['a', 'b']);
    const raw = await RawStomp.connect(broker.rawUrl, version);
    raw.send(subscribeFrame(queue, { browser: 'true', ack: 'client' }));
    const frames = await raw.messages(3);
    for (const [i, { headers }] of frames.entries()) {
      const named = version === '1.2' ? `id:${headers.ack}` : `subscription:s\nmessage-id:${headers['message-id']}`;
      await raw.confirm(`ACK\n${named}\nreceipt:ack${i}\n\n\0`, `ack${i}`);
      if (version !== '1.0') await raw.confirm(`NACK\n${named}\nreceipt:nack${i}\n\n\0`, `nack${i}`);
    }
    expect((await describeQueue(queue)).info).toMatchObject({ depth: 2, inFlight: 0 });
    raw.destroy();
  });

  it('is refused where its boolean is none', async () => {
    const raw = await RawStomp.connect(broker.rawUrl);
    const error = await raw.ask(subscribeFrame(freshName(), { browser: 'maybe' }));
    expect(error.headers.code).toBe('INVALID_HEADER');
    raw.destroy();
  });

  it('serves an unmodified @stomp/stompjs client', async () => {
    const queue = freshName();
    await fill(queue, numbers(30));
    const { client } = await connect(broker.webSocketUrl);
    const bodies: string[] = [];
    await new Promise<void>((resolve) => {
      const onMessage = (message: { headers: Record<string, string>; body: string }) => {
        if (message.headers.browser === 'end') resolve();
        else bodies.push(message.body);
      };
      client.subscribe(`/queue/${queue}`, onMessage as never, { browser: 'true' });
    });
    expect(bodies).toEqual(numbers(30));
    await client.deactivate();
  });

  it('shows a long queue whole, while others go on', { timeout: 60_000 }, async () => {
    const queue = freshName();
    const count = subjectKind === 'local' ? 10_000 : 500;
    await fill(queue, numbers(count));
    const raw = await RawStomp.connect(broker.rawUrl);
    const other = await RawStomp.connect(broker.rawUrl);
    const busy = freshName();
    let isOver = false;
    let longestMs = 0;
    const going = (async () => {
      for (let i = 0; !isOver; i++) {
        const begun = performance.now();
        await other.confirm(sendFrame(busy, `m${i}`), `m${i}`);
        longestMs = Math.max(longestMs, performance.now() - begun);
      }
    })();
    raw.send(subscribeFrame(queue, { browser: 'true' }));
    const { shown } = await shownBy(raw);
    isOver = true;
    await going;
    expect(shown).toEqual(numbers(count));
    expect((await describeQueue(queue)).info).toMatchObject({ depth: count, inFlight: 0 });
    if (subjectKind === 'local') expect(longestMs).toBeLessThan(500);
    raw.destroy();
    other.destroy();
  });
});

/** The octets of this process's buffers that somebody still needs. */
function heldInBuffers(): number {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  collect();
  collect();
  return process.memoryUsage().arrayBuffers;
}

describe('a browser whose connection does not read', () => {
  const large = 'x'.repeat(100_000);
  const why = 'how much API Gateway holds for a client is not to be seen';

  itOrdered(why, 'holds no more of its queue in memory than a connection may hold', async () => {
    const queue = freshName();
    for (let i = 0; i < 8; i++) await fill(queue, Array(60).fill(large));
    const raw = await RawStomp.connect(broker.rawUrl);
    raw.stopReading();
    const before = heldInBuffers();
    raw.send(subscribeFrame(queue, { browser: 'true' }));
    await sleep(1000);
    const held = heldInBuffers() - before;
    expect(held).toBeLessThan(16 * 1024 * 1024);
    raw.resumeReading();
    expect((await shownBy(raw)).shown).toHaveLength(480);
    raw.destroy();
  });

  itOrdered(why, 'ends with its UNSUBSCRIBE, after whose receipt nothing comes', async () => {
    const queue = freshName();
    for (let i = 0; i < 8; i++) await fill(queue, Array(60).fill(large));
    const raw = await RawStomp.connect(broker.rawUrl);
    raw.send(subscribeFrame(queue, { browser: 'true' }));
    await raw.messages(1);
    raw.stopReading();
    raw.send('UNSUBSCRIBE\nid:s\nreceipt:gone\n\n\0');
    await sleep(200);
    raw.resumeReading();
    let shown = 1;
    for (;;) {
      const frame = await raw.next();
      if (frame.headers['receipt-id'] === 'gone') break;
      shown += 1;
    }
    expect(shown).toBeLessThan(480);
    await raw.confirm(`SEND\ndestination:${freshName()}\nreceipt:r\n\nx\0`, 'r');
    expect((await raw.ask(`SEND\ndestination:${freshName()}\nreceipt:last\n\nx\0`)).headers['receipt-id']).toBe('last');
    raw.destroy();
  });

  itOwn('it stops its broker', 'does not keep a broker from ending', async () => {
    const own = await startSubject();
    const raw = await RawStomp.connect(own.rawUrl);
    const queue = freshName();
    for (let i = 0; i < 100; i++)
      await raw.confirm(sendFrame(queue, `${i}`.padEnd(100_000, 'x'), { receipt: i }), `${i}`);
    raw.send(subscribeFrame(queue, { browser: 'true' }));
    await raw.messages(1);
    raw.stopReading();
    const begun = performance.now();
    await own.close();
    expect(performance.now() - begun).toBeLessThan(6000);
    raw.destroy();
  });
});
