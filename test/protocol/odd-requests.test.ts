import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { freshName, itOwn, type Subject, startSubject } from '../subject.ts';

let broker: Subject;
beforeAll(async () => {
  broker = await startSubject();
});
afterAll(() => broker.close());

/** Asks with a target that is sent as it is: HTTP clients would mend it. */
async function ask(method: string, target: string, named?: string): Promise<{ status: number; body: string }> {
  const { hostname, port, host: own } = new URL(broker.url);
  const host = named ?? own;
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
    ['GET', '/v1/queues/a/%2e%2e/b', 400, 'INVALID_DESTINATION'],
    ['DELETE', '/v1/queues/a/.%2E/b', 400, 'INVALID_DESTINATION'],
    ['DELETE', '/v1/queues/./b', 400, 'INVALID_DESTINATION'],
    ['DELETE', '/v1/queues/a\\b', 400, 'INVALID_DESTINATION'],
    ['DELETE', '/v1/queues/a#b', 400, 'INVALID_DESTINATION'],
    ['GET', '/v1/queues/a%2f..%2fb', 400, 'INVALID_DESTINATION'],
    ['GET', '/v1/queues/%c3%a9', 404, 'NOT_FOUND'],
    ['GET', '/v1/queues/%ff', 400, 'INVALID_DESTINATION'],
  ] as const) {
    itOwn(plain, `${method} ${target} is refused in the one shape of errors`, async () => {
      const reply = await ask(method, target);
      expect(reply.status).toBe(status);
      expect(JSON.parse(reply.body)).toMatchObject({ error: { code, retryable: false } });
    });
  }

  for (const host of ['[::', 'a b', 'localhost:x', 'evil@localhost', 'localhost/a?', '']) {
    itOwn(plain, `to the host "${host}" is refused in the one shape of errors`, async () => {
      const reply = await ask('GET', '/health', host);
      expect(reply.status).toBe(400);
      expect(JSON.parse(reply.body)).toMatchObject({ error: { code: 'INVALID_REQUEST', retryable: false } });
    });
  }

  itOwn(plain, 'to a connection by a name that was pointed at this machine is refused', async () => {
    expect(await ask('GET', '/@connections/any', 'rebound.example')).toMatchObject({ status: 403 });
    expect(await ask('GET', '/@connections/any')).toMatchObject({ status: 410 });
  });

  itOwn(plain, 'to a connection whose name is not UTF-8 is told that there is none', async () => {
    expect(await ask('GET', '/@connections/%ff')).toMatchObject({ status: 410 });
  });
});

describe('a reply', () => {
  itOwn(plain, 'says how long it is, and is kept by no cache and taken for no page', async () => {
    const queue = freshName();
    const json = { 'content-type': 'application/json' };
    const post = (path: string, body: unknown) =>
      fetch(`${broker.url}/v1/${path}`, { method: 'POST', headers: json, body: JSON.stringify(body) });
    await post(`queues/${queue}/messages`, { body: '<script>' });
    for (const response of [
      await fetch(`${broker.url}/v1/queues/${queue}/messages`),
      await post(`queues/${queue}/receive`, {}),
      await fetch(`${broker.url}/v1/queues/${queue}`),
    ]) {
      expect(response.headers.get('cache-control')).toBe('no-store');
      expect(response.headers.get('x-content-type-options')).toBe('nosniff');
      const length = Number(response.headers.get('content-length'));
      expect(length).toBe((await response.arrayBuffer()).byteLength);
      expect(length).toBeGreaterThan(0);
    }
    for (const path of ['health', 'nowhere', '@connections/none']) {
      const response = await fetch(`${broker.url}/${path}`);
      expect(response.headers.get('content-length')).toBe(String((await response.arrayBuffer()).byteLength));
    }
    const deleted = await fetch(`${broker.url}/v1/queues/${freshName()}`, { method: 'PUT' });
    expect((await fetch(deleted.url, { method: 'DELETE' })).headers.get('content-length')).toBeNull();
  });
});
