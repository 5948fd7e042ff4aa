import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Caller } from '../../../lib/model/caller.ts';
import { callerOf } from '../../../lib/server/caller.ts';

type Arrived = { readonly caller: Caller; readonly response: ServerResponse; readonly socket: Socket };

let server: Server;
let client: Socket;
let arrived: Arrived[];
let onArrival: () => void;

beforeEach(async () => {
  arrived = [];
  server = createServer((request: IncomingMessage, response) => {
    arrived.push({ caller: callerOf(request, response), response, socket: request.socket });
    onArrival();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => {});
  await once(client, 'connect');
});
afterEach(() => {
  client.destroy();
  server.close();
});

/** Sends so many requests, and gives them as they arrived. */
async function ask(count: number): Promise<Arrived[]> {
  const from = arrived.length;
  const all = new Promise<void>((resolve) => {
    onArrival = () => {
      if (arrived.length === from + count) resolve();
    };
  });
  client.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n'.repeat(count));
  await all;
  return arrived.slice(from);
}

async function hangUp({ socket }: Arrived): Promise<void> {
  const closed = new Promise((resolve) => socket.once('close', resolve));
  client.destroy();
  await closed;
}

it('who hangs up before the reply is gone, and has heard nothing', async () => {
  const [one] = (await ask(1)) as [Arrived];
  expect(one.caller.gone.aborted).toBe(false);
  await hangUp(one);
  expect(one.caller.gone.aborted).toBe(true);
  expect(one.caller.mayHaveHeard()).toBe(false);
});

it('whose reply went out is not gone, though the connection closes later', async () => {
  const [one] = (await ask(1)) as [Arrived];
  one.response.end('done');
  await once(client, 'data');
  const [two] = (await ask(1)) as [Arrived];
  expect(two.socket).toBe(one.socket);
  await hangUp(two);
  expect([one, two].map(({ caller }) => caller.gone.aborted)).toEqual([false, true]);
});

it('of requests that were sent one after the other those are gone that have no reply yet', async () => {
  const all = await ask(20);
  const [one, , three] = all as [Arrived, Arrived, Arrived];
  one.response.end('done');
  await once(client, 'data');
  // Its turn to be written has not come.
  three.response.end('done');
  await hangUp(one);
  expect(all.map(({ caller }) => caller.gone.aborted)).toEqual([false, ...Array(19).fill(true)]);
  expect(all.map(({ caller }) => caller.mayHaveHeard())).toEqual([true, ...Array(19).fill(false)]);
});

it('who says good-bye before the reply is gone, and has heard nothing', async () => {
  const [one] = (await ask(1)) as [Arrived];
  const closed = once(one.socket, 'close');
  client.end();
  await once(one.socket, 'end');
  one.response.end('done');
  await closed;
  expect(one.caller.gone.aborted).toBe(true);
  expect(one.caller.mayHaveHeard()).toBe(false);
});

it('who hangs up in the middle of a reply may have heard some of it', async () => {
  const [one] = (await ask(1)) as [Arrived];
  one.response.end(Buffer.alloc(64 * 1024 * 1024));
  await once(client, 'readable');
  await hangUp(one);
  expect(one.caller.gone.aborted).toBe(true);
  expect(one.caller.mayHaveHeard()).toBe(true);
});

it('who is gone when the reply is written has heard nothing, whatever is written', async () => {
  const [one] = (await ask(1)) as [Arrived];
  let mayHaveHeard: boolean | undefined;
  one.caller.gone.addEventListener('abort', () => {
    mayHaveHeard = one.caller.mayHaveHeard();
  });
  await hangUp(one);
  one.response.end('done');
  expect(mayHaveHeard).toBe(false);
});
