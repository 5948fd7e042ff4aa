import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { Invocables } from '../../../../lib/server/invocations.ts';
import { chanceOf } from '../../../../lib/server/strict/chance.ts';
import { Environments } from '../../../../lib/server/strict/environments.ts';
import { Gateway } from '../../../../lib/server/strict/gateway.ts';
import { rulesOf } from '../../../../lib/server/strict/rules.ts';

let server: Server;
afterEach(() => server.closeAllConnections());

/** A gateway before these functions; the others do nothing. */
async function gatewayTo(functions: Partial<Invocables>): Promise<{ gateway: Gateway; url: string }> {
  const done = async () => ({ statusCode: 200, headers: {} });
  const all = { connect: done, frame: done, disconnect: done, ...functions } as Invocables;
  const rules = rulesOf({ integrationMs: 100, refusedPosts: 0 });
  const gateway = new Gateway(new Environments(() => all), rules, chanceOf(1), () => 'c');
  server = createServer().on('upgrade', gateway.upgrade).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { gateway, url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

async function answerTo(url: string, text: string): Promise<unknown> {
  const socket = new WebSocket(url);
  await once(socket, 'open');
  socket.send(text);
  const [answer] = (await once(socket, 'message')) as [Buffer];
  socket.terminate();
  return JSON.parse(answer.toString());
}

it('a post to a connection within its own $connect finds nobody', async () => {
  const statuses: number[] = [];
  const { gateway, url } = await gatewayTo({
    async connect() {
      statuses.push(await gateway.post('c', Buffer.from('too early')));
      return { statusCode: 200, headers: {} };
    },
  });
  const socket = new WebSocket(url);
  await once(socket, 'open');
  expect(statuses).toEqual([410]);
  expect(await gateway.post('c', Buffer.from('in time'))).toBe(200);
});

it('a $connect that fails, or refuses, opens no connection', async () => {
  let connects = 0;
  const { url } = await gatewayTo({
    async connect() {
      if (++connects === 1) throw new Error('broken');
      return { statusCode: 403, headers: {} };
    },
  });
  for (const status of [502, 403]) {
    const [error] = (await once(new WebSocket(url), 'error')) as [Error];
    expect(error.message).toContain(String(status));
  }
});

it('the gateway answers for a function that fails, or that is too slow', async () => {
  const { promise: never } = Promise.withResolvers<void>();
  const { url } = await gatewayTo({
    async frame({ body }) {
      if (body === 'slow') await never;
      throw new Error('broken');
    },
  });
  expect(await answerTo(url, 'fail')).toEqual({ message: 'Internal server error', connectionId: 'c' });
  expect(await answerTo(url, 'slow')).toEqual({ message: 'Endpoint request timed out', connectionId: 'c' });
});

it('an environment runs one invocation at a time, and is used again', async () => {
  let made = 0;
  const environments = new Environments(() => ({ number: ++made }) as unknown as Invocables);
  const numberOf = (functions: Invocables) => (functions as unknown as { number: number }).number;
  const { promise: first, resolve: endFirst } = Promise.withResolvers<void>();
  const busy = environments.invoke(async (functions) => {
    await first;
    return numberOf(functions);
  });
  expect(await environments.invoke(async (functions) => numberOf(functions))).toBe(2);
  expect(await environments.invoke(async (functions) => numberOf(functions))).toBe(2);
  endFirst();
  expect(await busy).toBe(1);
});
