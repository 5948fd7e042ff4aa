import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeOrdered, freshName, type Subject, startSubject } from '../subject.ts';

const LONG_S = 20;

type Received = { readonly body: string; readonly redelivered: boolean; readonly deliveryCount: number };

describeOrdered('API Gateway tells of no client that hangs up', 'a client that hangs up', () => {
  let broker: Subject;
  beforeAll(async () => {
    broker = await startSubject();
  });
  afterAll(() => broker.close());

  async function ask(path: string, body: unknown): Promise<unknown> {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${broker.url}/v1/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    return response.json();
  }
  const send = (queue: string, body: string) => ask(`queues/${queue}/messages`, { messages: [{ body }] });
  async function receive(queue: string, options: object = {}): Promise<Received[]> {
    return ((await ask(`queues/${queue}/receive`, { waitSeconds: LONG_S, ...options })) as { messages: Received[] })
      .messages;
  }

  /** A connection on which these receives were sent, one after the other; the broker has them when this resolves. */
  async function asking(...pulls: readonly { queue: string; options?: object }[]): Promise<Socket> {
    const { hostname, port } = new URL(broker.url);
    const socket = connect(Number(port), hostname);
    socket.on('error', () => {});
    await once(socket, 'connect');
    for (const { queue, options } of pulls) {
      const body = JSON.stringify({ waitSeconds: LONG_S, ...options });
      const head = `POST /v1/queues/${queue}/receive HTTP/1.1\r\nhost: ${hostname}:${port}\r\ncontent-type: application/json`;
      socket.write(`${head}\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    }
    await receive(freshName(), { waitSeconds: 0 });
    return socket;
  }

  it('while it waits takes nothing, however often', async () => {
    const queue = freshName();
    for (let i = 0; i < 8; i++) await goodBye(await asking({ queue, options: { visibilitySeconds: 1 } }));
    await send(queue, 'kept');
    expect(await receive(queue)).toMatchObject([{ body: 'kept', redelivered: false, deliveryCount: 1 }]);
  });

  it('before its reply could be written gives back what it got, uncounted and unflagged', async () => {
    const [queue, empty] = [freshName(), freshName()];
    await send(queue, 'kept');
    // The second reply waits for the first, which waits for a message.
    const client = await asking({ queue: empty }, { queue });
    await expect.poll(() => inFlightOf(queue)).toBe(1);
    client.destroy();
    expect(await receive(queue)).toMatchObject([{ body: 'kept', redelivered: false, deliveryCount: 1 }]);
    await send(empty, 'for somebody else');
    expect(await receive(empty)).toMatchObject([{ body: 'for somebody else', redelivered: false, deliveryCount: 1 }]);
  });

  it('after its reply keeps what it got', async () => {
    const queue = freshName();
    await send(queue, 'taken');
    const client = await asking({ queue });
    await once(client, 'data');
    client.destroy();
    expect(await receive(queue, { waitSeconds: 1 })).toEqual([]);
  });

  /** Resolves when the broker has closed its side as well. */
  async function goodBye(client: Socket): Promise<void> {
    client.resume();
    client.end();
    await once(client, 'close');
  }

  async function inFlightOf(queue: string): Promise<number> {
    const response = await fetch(`${broker.url}/v1/queues/${queue}`);
    return ((await response.json()) as { inFlight: number }).inFlight;
  }
});
