import { once } from 'node:events';
import { request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Afterwards } from '../../../lib/handlers/afterwards.ts';
import { httpServer } from '../../../lib/server/http.ts';

const HALF = Buffer.alloc(60_000, 'x');
let server: Server;

beforeEach(async () => {
  server = httpServer({
    rest: async ({ body }) => ({ statusCode: 200, body: String(body?.length) }),
    ...{ connections: undefined, access: undefined },
    bodyBytes: 200_000,
    roomBytes: 200_000,
    underWay: new Afterwards(() => {}),
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

/** A request of whose body half was sent. */
async function begin() {
  const { port } = server.address() as AddressInfo;
  const sending = request({ port, method: 'POST', headers: { 'content-length': 2 * HALF.length } });
  sending.on('error', () => {});
  const answered = once(sending, 'response').then(([response]) => {
    response.resume();
    return { status: response.statusCode, retryAfter: response.headers['retry-after'] };
  });
  await new Promise((resolve) => sending.write(HALF, resolve));
  return { answered, end: () => sending.end(HALF) };
}

it('bounds the octets of all bodies that are under way, and has their room again when they are answered', async () => {
  const requests = [await begin(), await begin(), await begin(), await begin()];
  const all = requests.map(({ answered }) => answered);
  expect(await Promise.race(all)).toEqual({ status: 503, retryAfter: '1' });
  for (const { end } of requests) end();
  await Promise.allSettled(all);
  const later = await begin();
  later.end();
  expect(await later.answered).toMatchObject({ status: 200 });
});

it('has the room again of a body whose client went', async () => {
  for (let i = 0; i < 5; i++) {
    const { port } = server.address() as AddressInfo;
    const sending = request({ port, method: 'POST', headers: { 'content-length': 2 * HALF.length } });
    sending.on('error', () => {});
    await new Promise((resolve) => sending.write(HALF, resolve));
    const closed = new Promise((resolve) => sending.on('close', resolve));
    sending.destroy();
    await closed;
  }
  const later = await begin();
  later.end();
  expect(await later.answered).toMatchObject({ status: 200 });
});
