import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startBroker } from '../../lib/server/start-broker.ts';
import { temporaryFolder } from '../folders.ts';
import { RawStomp, textOf } from '../raw-stomp.ts';
import { describeOrdered, itOwn, type Subject, startSubject } from '../subject.ts';

let broker: Subject;
beforeAll(async () => {
  broker = await startSubject();
});
afterAll(() => broker.close());

/** A client that does not close its side when the server does. */
async function halfOpen(url = broker.rawUrl): Promise<{ socket: Socket; text: () => string }> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  await once(socket, 'connect');
  let text = '';
  socket.on('data', (octets) => {
    text += octets.toString();
  });
  return { socket, text: () => text };
}

async function sendText(url: string, queue: string, body: string): Promise<void> {
  const headers = { 'content-type': 'text/plain' };
  const response = await fetch(`${url}/v1/queues/${queue}/messages`, { method: 'POST', headers, body });
  expect(response.status).toBe(201);
}

async function depthOf(queue: string): Promise<number> {
  const response = await fetch(`${broker.url}/v1/queues/${queue}`);
  return ((await response.json()) as { depth: number }).depth;
}

describeOrdered('it needs a TCP socket that stays half open', 'after an ERROR', () => {
  it('nothing is given to a connection that its client keeps open', async () => {
    const { socket } = await halfOpen();
    socket.write('CONNECT\naccept-version:1.2\nhost:a\n\n\0SUBSCRIBE\nid:s\ndestination:kept\nack:auto\n\n\0');
    socket.write('COMMIT\ntransaction:t\n\n\0');
    await once(socket, 'end');
    await sendText(broker.url, 'kept', 'precious');
    expect(await depthOf('kept')).toBe(1);
    socket.destroy();
  });

  it('nothing more is taken from it', async () => {
    const { socket, text } = await halfOpen();
    socket.write('CONNECT\naccept-version:1.2\nhost:a\n\n\0COMMIT\ntransaction:t\n\n\0');
    await once(socket, 'end');
    socket.write('SEND\ndestination:late\n\nlate\0');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(text()).toContain('ERROR');
    expect((await fetch(`${broker.url}/v1/queues/late`)).status).toBe(404);
    socket.destroy();
  });
});

it('a heart-beat that is none is refused', async () => {
  const raw = await RawStomp.open(broker.rawUrl);
  const error = await raw.ask('CONNECT\naccept-version:1.2\nhost:a\nheart-beat:often\n\n\0');
  expect(error.headers).toMatchObject({ code: 'INVALID_HEADER' });
});

itOwn('it looks into the process', 'a page that may not connect and resets its connection harms nobody', async () => {
  const { hostname, port } = new URL(broker.url);
  const failures: unknown[] = [];
  const note = (error: unknown) => failures.push(error);
  process.on('uncaughtException', note);
  for (let i = 0; i < 5; i++) {
    const socket = connect({ host: hostname, port: Number(port) });
    await once(socket, 'connect');
    const head = 'GET / HTTP/1.1\r\nhost: localhost\r\norigin: http://evil.example\r\n';
    socket.write(`${head}upgrade: websocket\r\nconnection: upgrade\r\n\r\n`);
    socket.resetAndDestroy();
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
  process.off('uncaughtException', note);
  expect(failures).toEqual([]);
});

itOwn(
  'it needs a small inbox',
  'more acknowledgements by message id than an inbox holds are done at once',
  async () => {
    const small = await startSubject({ inboxEntries: 64, inboxReserve: 8 });
    const raw = await RawStomp.connect(small.rawUrl, '1.1');
    const count = 200;
    const sends = 'SEND\ndestination:q\n\nx\0'.repeat(count);
    await raw.confirm(`${sends}SEND\ndestination:q\nreceipt:sent\n\nx\0`, 'sent');
    raw.send('SUBSCRIBE\nid:s\ndestination:q\nack:client-individual\nprefetch-count:1000\n\n\0');
    const ids = (await raw.messages(count + 1)).map(({ headers }) => headers['message-id']);
    const begun = performance.now();
    const acks = ids.map((id) => `ACK\nsubscription:s\nmessage-id:${id}\n\n\0`);
    await raw.confirm(`${acks.join('')}UNSUBSCRIBE\nid:s\nreceipt:done\n\n\0`, 'done');
    expect(performance.now() - begun).toBeLessThan(3000);
    raw.destroy();
    await small.close();
  },
);

itOwn('it needs little room in flight', 'a pull waits for room in flight without a write', async () => {
  const small = await startSubject({ inFlightPerShard: 1 });
  await sendText(small.url, 'q', 'one');
  await sendText(small.url, 'q', 'two');
  const receive = (waitSeconds: number) =>
    fetch(`${small.url}/v1/queues/q/receive`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ waitSeconds }),
    }).then((response) => response.json() as Promise<{ messages: { token: string }[] }>);
  const { messages } = await receive(0);
  expect(messages.length).toBe(1);
  const before = process.cpuUsage();
  expect((await receive(1)).messages).toEqual([]);
  expect(process.cpuUsage(before).user).toBeLessThan(500_000);
  await small.close();
});

itOwn('nobody stops the cloud', 'a broker that is told to stop answers who waits with an empty list', async () => {
  const stopping = await startSubject();
  const begun = performance.now();
  const waiting = ['one', 'one', 'other'].map(async (queue) => {
    const response = await fetch(`${stopping.url}/v1/queues/${queue}/receive`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ waitSeconds: 20 }),
    });
    return [response.status, await response.json()];
  });
  // As long as nothing can be seen of a request that waits.
  await new Promise((resolve) => setTimeout(resolve, 300));
  await stopping.close();
  expect(await Promise.all(waiting)).toEqual(Array(3).fill([200, { messages: [] }]));
  expect(performance.now() - begun).toBeLessThan(5000);
});

describeOrdered('nobody stops the cloud', 'a broker that is told to stop', () => {
  it('loses nothing that consumers with automatic acknowledgement have not got', async () => {
    using folder = temporaryFolder();
    const options = { port: 0, data: folder.path };
    const stopping = await startBroker(options);
    const producer = await RawStomp.connect(stopping.stompUrl);
    const bodies = Array.from({ length: 5000 }, (_, i) => String(i));
    const sends = bodies.map((body) => `SEND\ndestination:q\n\n${body}\0`);
    await producer.ask(`${sends.join('')}SEND\ndestination:q\nreceipt:r\n\nlast\0`);
    const { socket, text } = await halfOpen(stopping.stompUrl);
    socket.write('CONNECT\naccept-version:1.2\nhost:a\n\n\0');
    socket.write('SUBSCRIBE\nid:s\ndestination:q\nack:auto\nprefetch-count:10\n\n\0');
    while (!text().includes('MESSAGE')) await once(socket, 'data');
    await Promise.all([stopping.close(), once(socket, 'end')]);
    socket.destroy();
    const got = new Set(Array.from(text().matchAll(/\n\n(\d+|last)\0/g), ([, body]) => body));
    const again = await startBroker(options);
    const second = await RawStomp.connect(again.stompUrl);
    second.send('SUBSCRIBE\nid:s\ndestination:q\nack:auto\nprefetch-count:1000\n\n\0');
    const rest = (async () => {
      while (got.size <= bodies.length) got.add(textOf(await second.next()));
    })();
    await Promise.race([rest, new Promise((resolve) => setTimeout(resolve, 5000))]);
    expect(got.size).toBe(bodies.length + 1);
    await again.close();
  });

  it('answers a request that is under way', async () => {
    const stopping = await startBroker({ port: 0, memory: true });
    const { hostname, port } = new URL(stopping.url);
    const socket = connect({ host: hostname, port: Number(port) });
    let text = '';
    socket.on('data', (octets) => {
      text += octets.toString();
    });
    socket.write(`POST /v1/queues/q/messages HTTP/1.1\r\nhost: ${hostname}\r\ncontent-type: text/plain\r\n`);
    socket.write('content-length: 10\r\n\r\nhalf ');
    await new Promise((resolve) => setTimeout(resolve, 50));
    const closed = stopping.close();
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.write('whole');
    await Promise.all([closed, once(socket, 'close')]);
    expect(text).toContain('201');
  });
});
