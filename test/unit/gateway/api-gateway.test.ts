import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { apiGatewayPush } from '../../../lib/gateway/api-gateway.ts';

const credentials = { accessKeyId: 'none', secretAccessKey: 'none' };
const POST_MS = 3000;
let server: Server;
let now = Date.now();

async function pushTo(answer: RequestListener) {
  server = createServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return apiGatewayPush({ endpoint, region: 'us-east-1', credentials }, undefined, () => now);
}

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

/** Breaks a socket off on which a second request comes, as one is that died while nobody used it. */
function onceEach(): { readonly answer: RequestListener; readonly sockets: Set<unknown> } {
  const sockets = new Set<unknown>();
  const answer: RequestListener = (request, response) => {
    const { socket } = request;
    const isDead = sockets.has(socket);
    sockets.add(socket);
    request.resume().on('end', () => (isDead ? socket.resetAndDestroy() : response.end('{}')));
  };
  return { answer, sockets };
}

describe('posts through the @connections API', () => {
  it('go out on a fresh socket after the environment slept', async () => {
    const { answer, sockets } = onceEach();
    const push = await pushTo(answer);
    expect(await push.post('c', Buffer.from('x'), POST_MS)).toBe('sent');
    now += 5001;
    expect(await push.post('c', Buffer.from('x'), POST_MS)).toBe('sent');
    expect(sockets.size).toBe(2);
    expect(await push.post('c', Buffer.from('x'), POST_MS)).toBe('unknown');
  });

  it('are as many at once as are asked for', async () => {
    const [posts, all] = [100, Promise.withResolvers<void>()];
    let underWay = 0;
    const push = await pushTo((_request, response) => {
      if (++underWay === posts) all.resolve();
      void all.promise.then(() => response.end('{}'));
    });
    const outcomes = Array.from({ length: posts }, () => push.post('c', Buffer.from('x'), 20_000));
    expect(new Set(await Promise.all(outcomes))).toEqual(new Set(['sent']));
  });
});

it('a close, and the question whether a connection is open, end in time where nobody answers', async () => {
  const push = await pushTo(() => {});
  const begun = performance.now();
  const [closed, isOpen] = await Promise.allSettled([push.close('c'), push.isOpen('c')]);
  expect(closed.status).toBe('rejected');
  expect(isOpen).toEqual({ status: 'fulfilled', value: true });
  expect(performance.now() - begun).toBeLessThan(15_000);
});
