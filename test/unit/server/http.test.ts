import { once } from 'node:events';
import { request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Access } from '../../../lib/access/access.ts';
import type { Credentials } from '../../../lib/access/credentials.ts';
import { Afterwards } from '../../../lib/handlers/afterwards.ts';
import { BrokerError } from '../../../lib/model/errors.ts';
import { httpServer } from '../../../lib/server/http.ts';

const HALF = Buffer.alloc(60_000, 'x');
let server: Server;

async function start(access?: Access): Promise<void> {
  server = httpServer({
    rest: async ({ body }) => ({ statusCode: 200, body: String(body?.length) }),
    ...{ connections: undefined, access },
    bodyBytes: 200_000,
    roomBytes: 200_000,
    unknownBytes: 100_000,
    unknownMs: 500,
    underWay: new Afterwards(() => {}),
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
}

beforeEach(() => start());

async function stop(): Promise<void> {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
}

afterEach(stop);

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

describe('where callers have to say who they are', () => {
  beforeEach(async () => {
    await stop();
    const authenticate = async (credentials?: Credentials) => {
      if (credentials?.kind === 'token') return { name: 'user' };
      throw new BrokerError('UNAUTHENTICATED', 'No credentials were given.');
    };
    await start({ authenticate } as unknown as Access);
  });

  /** A request with a body of which nothing comes before `end`. */
  async function announce(bytes: number, authorization?: string) {
    const { port } = server.address() as AddressInfo;
    const headers = { 'content-length': bytes, ...(authorization && { authorization }) };
    const sending = request({ port, method: 'POST', headers });
    sending.on('error', () => {});
    const answered = once(sending, 'response').then(([response]) => {
      response.resume();
      return response.statusCode;
    });
    await new Promise((resolve) => sending.write('x', resolve));
    return { answered, end: () => sending.end(Buffer.alloc(bytes - 1, 'x')) };
  }

  it('bodies that strangers do not send keep no room from those who are known', async () => {
    const strangers = [await announce(60_000), await announce(60_000)];
    // The second finds no room among the unknown.
    expect(await Promise.race(strangers.map(({ answered }) => answered))).toBe(401);
    const known = [await announce(60_000, 'Bearer t'), await announce(60_000, 'Bearer t')];
    for (const { end } of known) end();
    expect(await Promise.all(known.map(({ answered }) => answered))).toEqual([200, 200]);
    expect(await strangers[0]?.answered).toBe(400);
    const later = await announce(60_000);
    later.end();
    expect(await later.answered).toBe(200);
  });
});
