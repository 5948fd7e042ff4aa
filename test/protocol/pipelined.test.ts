import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { RawStomp, textOf } from '../raw-stomp.ts';
import { describeOrdered, freshName, type Subject, startSubject, subjectLimits } from '../subject.ts';

let broker: Subject;
beforeAll(async () => {
  broker = await startSubject();
});
afterAll(() => broker.close());

/** Says all in one piece, as a client that waits for no CONNECTED does; gives the replies up to a receipt or an ERROR. */
async function sayAtOnce(url: string, octets: string, version: '1.0' | '1.1' | '1.2') {
  const raw = await RawStomp.open(url, version);
  raw.send(octets);
  const connected = await raw.next();
  const answer = connected.command === 'CONNECTED' ? await raw.next() : connected;
  raw.destroy();
  return { connected, answer };
}

/** The one message of a queue, as it lies there. */
async function storedIn(queue: string) {
  const response = await fetch(`${broker.url}/v1/queues/${queue}/messages`);
  const { messages } = (await response.json()) as { messages: { body: string; headers: Record<string, string> }[] };
  expect(messages).toHaveLength(1);
  return messages[0];
}

const doors = [
  ['over a raw socket', () => broker.rawUrl],
  ['in one WebSocket message', () => broker.webSocketUrl],
] as const;

describe.each(doors)('frames that come with CONNECT %s', (_, url) => {
  it.each([
    ['D:\\new\\captions', 'D:\\new\\captions'],
    ['C:\\temp', 'C:\\temp'],
    [' spaced ', 'spaced'],
  ])('are of 1.0 where it names no version, which knows no escapes and trims: %j', async (written, meant) => {
    const queue = freshName();
    const send = `SEND\ndestination: /queue/${queue}\nfile:${written}\nreceipt:r\n\nhi\0`;
    const { connected, answer } = await sayAtOnce(url(), `CONNECT\n\n\0${send}`, '1.0');
    expect(connected.headers.version).toBe('1.0');
    expect(answer.headers['receipt-id']).toBe('r');
    expect(await storedIn(queue)).toMatchObject({ body: 'hi', headers: { file: meant } });
  });

  it.each([
    ['1.1', 'a\\nb', 'a\nb'],
    ['1.2', 'a\\r\\nb', 'a\r\nb'],
  ] as const)('are of %s where it names that', async (version, written, meant) => {
    const queue = freshName();
    const send = `SEND\ndestination:/queue/${queue}\nx:${written}\nreceipt:r\n\nhi\0`;
    const { answer } = await sayAtOnce(url(), `CONNECT\naccept-version:${version}\nhost:a\n\n\0${send}`, version);
    expect(answer.headers['receipt-id']).toBe('r');
    expect(await storedIn(queue)).toMatchObject({ headers: { x: meant } });
  });

  it('are refused by the rules of their version', async () => {
    const send = `SEND\ndestination:${freshName()}\nx:a\\rb\nreceipt:r\n\nhi\0`;
    const { answer } = await sayAtOnce(url(), `CONNECT\naccept-version:1.1\nhost:a\n\n\0${send}`, '1.1');
    expect(answer.headers.code).toBe('INVALID_HEADER');
    expect(textOf(answer)).toContain('STOMP 1.1 has');
  });

  it('may have bodies where there are none, and NULs between them', async () => {
    const queue = freshName();
    const octets =
      'CONNECT\naccept-version:1.2\nhost:a\n\n\n\0\0' +
      `SEND\ndestination:${queue}\n\nhi\0\0\n\0SUBSCRIBE\nid:s\ndestination:${queue}\n\n\n\0`;
    const { answer } = await sayAtOnce(url(), octets, '1.2');
    expect(answer).toMatchObject({ command: 'MESSAGE', headers: { subscription: 's' } });
    expect(textOf(answer)).toBe('hi');
  });
});

const sockets = [
  ['a raw socket', () => broker.rawUrl],
  ['a WebSocket', () => broker.webSocketUrl],
] as const;

describeOrdered('API Gateway bounds what it takes itself', 'what comes before it is known who is there', () => {
  const large = 'x'.repeat(subjectLimits.bodyBytes);

  it.each(sockets)('is no more than a CONNECT needs, over %s', async (_, url) => {
    const raw = await RawStomp.open(url());
    raw.send(`SEND\ndestination:${freshName()}\nreceipt:r\n\n${'x'.repeat(20_000)}\0`);
    const refused = await raw.next();
    expect(refused.headers).toMatchObject({ code: 'BODY_TOO_LARGE', 'receipt-id': 'r' });
    expect(textOf(refused)).toContain('16384 octets allowed before the session is open');
    await raw.closed;
  });

  it.each(sockets)('is taken in full where it follows a CONNECT, over %s', async (_, url) => {
    const queue = freshName();
    const raw = await RawStomp.open(url());
    raw.send('CONNECT\naccept-version:1.2\nhost:a\n\n\0');
    for (const receipt of ['1', '2']) raw.send(`SEND\ndestination:${queue}\nreceipt:${receipt}\n\n${large}\0`);
    const told = [await raw.next(), await raw.next(), await raw.next()];
    expect(told.map(({ command, headers }) => headers['receipt-id'] ?? command)).toEqual(['CONNECTED', '1', '2']);
    raw.destroy();
  });

  it('is cut off where it is a message that does not end', async () => {
    const socket = new WebSocket(broker.webSocketUrl, ['v12.stomp']);
    await once(socket, 'open');
    const closed = once(socket, 'close');
    for (let i = 0; i < 8; i++) socket.send(Buffer.alloc(16_000, 'x'), { fin: false, binary: true });
    expect((await closed)[0]).toBe(1009);
  });

  it('is cut off where it comes in very many fragments', async () => {
    const socket = new WebSocket(broker.webSocketUrl, ['v12.stomp']);
    await once(socket, 'open');
    const closed = once(socket, 'close');
    for (let i = 0; i < 2000; i++) socket.send('x', { fin: false });
    await closed;
  });

  it('is cut off where it comes after a CONNECT that was refused', async () => {
    const socket = new WebSocket(broker.webSocketUrl, ['v12.stomp']);
    await once(socket, 'open');
    const closed = once(socket, 'close');
    const pour = setInterval(() => socket.send(Buffer.alloc(16_000, 'x'), { fin: false, binary: true }), 1);
    socket.send('CONNECT\naccept-version:9.9\nhost:a\n\n\0');
    const refusedAt = once(socket, 'message').then(() => performance.now());
    await closed;
    clearInterval(pour);
    expect(performance.now() - (await refusedAt)).toBeLessThan(2000);
  });
});
