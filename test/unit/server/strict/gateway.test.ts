import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { apiGatewayPush } from '../../../../lib/gateway/api-gateway.ts';
import type { BrokerOptions, RunningBroker } from '../../../../lib/server/options.ts';
import { startBroker } from '../../../../lib/server/start-broker.ts';
import { handedOn } from '../../../../lib/server/strict/result-size.ts';
import type { StrictOptions } from '../../../../lib/server/strict/rules.ts';
import { RawStomp, textOf } from '../../../raw-stomp.ts';

const KiB = 1024;
const calm: StrictOptions = { refusedPosts: 0, lostDisconnects: 0 };

let broker: RunningBroker;
afterEach(() => broker.close());

async function start(strict: StrictOptions = {}, limits: BrokerOptions['limits'] = {}): Promise<RunningBroker> {
  broker = await startBroker({ port: 0, memory: true, strict: { ...calm, ...strict }, limits });
  return broker;
}

async function open(): Promise<WebSocket> {
  const socket = new WebSocket(broker.webSocketUrl, ['v12.stomp']);
  await once(socket, 'open');
  return socket;
}

async function closeCode(socket: WebSocket): Promise<number> {
  const [code] = (await once(socket, 'close')) as [number];
  return code;
}

/** The AWS client, as a function in the cloud has it. */
function push() {
  const credentials = { accessKeyId: 'any', secretAccessKey: 'any' };
  return apiGatewayPush({ endpoint: broker.url, region: 'us-east-1', credentials });
}

async function openSession(): Promise<{ raw: RawStomp; id: string }> {
  const raw = await RawStomp.open(broker.webSocketUrl);
  const connected = await raw.ask('CONNECT\naccept-version:1.2\nhost:any\n\n\0');
  return { raw, id: connected.headers.session ?? '' };
}

async function depthAndConsumers(queue: string): Promise<unknown> {
  return await (await fetch(`${broker.url}/v1/queues/${queue}`)).json();
}

describe('a connection', () => {
  it('is closed with 1009 by a frame over 32 KB, and by a message over 128 KB', async () => {
    await start();
    const one = await open();
    one.send('x'.repeat(32 * KiB + 1));
    expect(await closeCode(one)).toBe(1009);
    const other = await open();
    for (let i = 0; i < 5; i++) other.send('x'.repeat(30 * KiB), { fin: i === 4 });
    expect(await closeCode(other)).toBe(1009);
  });

  it('takes a message of several frames, up to 128 KB', async () => {
    await start();
    const { raw } = await openSession();
    const body = 'x'.repeat(120 * KiB);
    await raw.confirm(`SEND\ndestination:q\nreceipt:r\n\n${body}\0`, 'r');
    raw.send('SUBSCRIBE\nid:s\ndestination:q\nack:auto\n\n\0');
    expect(textOf(await raw.next())).toBe(body);
  });

  it('is closed with 1003 by a binary message', async () => {
    await start();
    const socket = await open();
    socket.send(Buffer.from('CONNECT\naccept-version:1.2\nhost:a\n\n\0'), { binary: true });
    expect(await closeCode(socket)).toBe(1003);
  });

  it('ends after its lifetime, whatever goes on', async () => {
    await start({ lifetimeMs: 300 });
    const socket = await open();
    const beat = setInterval(() => socket.send('\n'), 20);
    expect(await closeCode(socket)).toBe(1001);
    clearInterval(beat);
  });

  it('ends when it was idle, and not while it is not', async () => {
    await start({ idleMs: 300 });
    const busy = await open();
    const beat = setInterval(() => busy.send('\n'), 50);
    expect(await closeCode(await open())).toBe(1001);
    expect(busy.readyState).toBe(WebSocket.OPEN);
    clearInterval(beat);
  });

  it('is refused when too many are opened at once', async () => {
    await start({ connectsPerSecond: 2 });
    const sockets = Array.from({ length: 5 }, () => new WebSocket(broker.webSocketUrl));
    const outcomes = await Promise.all(
      sockets.map((socket) => Promise.race([once(socket, 'open').then(() => 'open'), once(socket, 'error')])),
    );
    expect(outcomes.filter((outcome) => outcome === 'open').length).toBe(2);
    expect(String(outcomes.find((outcome) => outcome !== 'open'))).toMatch(/429/);
  });

  it('that opens no session is there, and has no plain TCP beside it', async () => {
    expect(await start()).toMatchObject({ stompUrl: '' });
    expect((await open()).protocol).toBe('v12.stomp');
  });
});

describe('messages of one connection', () => {
  /** The order in which frames that were under way at once have been done. */
  async function orderOf(seed: number): Promise<string> {
    await start({ seed, shuffleMs: 400 });
    const { raw } = await openSession();
    const names = ['a', 'b', 'c', 'd'];
    for (const name of names) raw.send(`SEND\ndestination:q\n\n${name}\0`);
    let messages: { body: string }[] = [];
    await expect
      .poll(async () => {
        const response = await fetch(`${broker.url}/v1/queues/q/messages`);
        messages = response.ok ? ((await response.json()) as { messages: { body: string }[] }).messages : [];
        return messages.length;
      })
      .toBe(names.length);
    raw.destroy();
    await broker.close();
    return messages.map(({ body }) => body).join('');
  }

  it('are handled in no order, and in the same one for the same seed', async () => {
    const orders = [];
    // Seeds that draw times far enough apart for a machine that is busy.
    for (const seed of [46, 56, 46]) orders.push(await orderOf(seed));
    expect(orders).toEqual(['dbca', 'cdba', 'dbca']);
  });

  it('are all done, each once, though many are under way at once', async () => {
    await start({ refusedPosts: 0.1 });
    const { raw } = await openSession();
    const count = 100;
    for (let i = 0; i < count; i++) raw.send(`SEND\ndestination:q\nreceipt:${i}\n\n${i}\0`);
    const receipts = new Set<string | undefined>();
    while (receipts.size < count) receipts.add((await raw.next()).headers['receipt-id']);
    expect(await depthAndConsumers('q')).toMatchObject({ depth: count });
  });
});

describe('a post', () => {
  it('is taken, throttled, too large or for nobody, and the AWS client is told so', async () => {
    await start({ postsPerSecond: 5 });
    const { id, raw } = await openSession();
    expect(await push().post('nobody', Buffer.from('x'), 1000)).toBe('gone');
    const large = await fetch(`${broker.url}/@connections/${id}`, { method: 'POST', body: 'x'.repeat(128 * KiB + 1) });
    expect(large.status).toBe(413);
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => push().post(id, Buffer.from('\n'), 5000)));
    expect(new Set(outcomes)).toEqual(new Set(['sent', 'refused']));
    raw.destroy();
  });
});

describe('a connection that is gone without a $disconnect', () => {
  it('is found out by a probe, and gives back what it had', async () => {
    await start({ lostDisconnects: 1 }, { probeMs: 1000 });
    const { raw } = await openSession();
    await raw.confirm('SEND\ndestination:q\nreceipt:r\n\nbody\0', 'r');
    raw.send('SUBSCRIBE\nid:s\ndestination:q\nack:client-individual\n\n\0');
    expect(textOf(await raw.next())).toBe('body');
    raw.destroy();
    await expect.poll(() => depthAndConsumers('q'), { timeout: 10_000 }).toMatchObject({ depth: 1, consumers: 0 });
  });
});

it('an upgrade whose URL has more than 4,096 characters is refused, whatever is in it', async () => {
  await start();
  const socket = new WebSocket(`${broker.webSocketUrl}?access_token=${'x'.repeat(4096)}`, ['v12.stomp']);
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }];
  expect(response.statusCode).toBe(414);
  socket.on('error', () => {});
  socket.terminate();
});

it('a result that Lambda would not hand on is a failure of the API, as it is with what it escapes', () => {
  const result = (body: string) => ({ statusCode: 200, body });
  expect(handedOn(result('x'.repeat(6_000_000)))).toEqual(result('x'.repeat(6_000_000)));
  expect(handedOn(result('"'.repeat(6_000_000)))).toMatchObject({ statusCode: 500 });
});

it('a post of which nobody knows whether it arrived ends the connection, so that its client asks again', async () => {
  await start({ unknownPosts: 1 });
  const { raw } = await openSession();
  await raw.closed;
});
