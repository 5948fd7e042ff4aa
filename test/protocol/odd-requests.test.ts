import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { itOwn, type Subject, startSubject } from '../subject.ts';

let broker: Subject;
beforeAll(async () => {
  broker = await startSubject();
});
afterAll(() => broker.close());

/** Asks with a target that is sent as it is: HTTP clients would mend it. */
async function ask(method: string, target: string): Promise<{ status: number; body: string }> {
  const { hostname, port, host } = new URL(broker.url);
  const socket = connect({ host: hostname, port: Number(port) });
  await once(socket, 'connect');
  socket.write(`${method} ${target} HTTP/1.0\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
  const reply = await text(socket);
  const [head = '', body = ''] = reply.split('\r\n\r\n');
  return { status: Number(head.split(' ')[1]), body };
}

const plain = 'it needs plain HTTP to the broker itself';

describe('a request of a kind that no client makes by accident', () => {
  for (const [method, target, status, code] of [
    ['TRACE', '/health', 501, 'NOT_SUPPORTED'],
    ['GET', 'http://127.0.0.1/health', 404, 'NOT_FOUND'],
    ['GET', 'http://[', 404, 'NOT_FOUND'],
  ] as const) {
    itOwn(plain, `${method} ${target} is refused in the one shape of errors`, async () => {
      const reply = await ask(method, target);
      expect(reply.status).toBe(status);
      expect(JSON.parse(reply.body)).toMatchObject({ error: { code, retryable: false } });
    });
  }

  itOwn(plain, 'to a connection whose name is not UTF-8 is told that there is none', async () => {
    expect(await ask('GET', '/@connections/%ff')).toMatchObject({ status: 410 });
  });
});
