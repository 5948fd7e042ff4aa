import { expect, it } from 'vitest';
import { pacedSocket } from '../../../lib/gateway/paced-socket.ts';
import { LocalSockets } from '../../../lib/gateway/sockets.ts';
import { localLimits } from '../../../lib/model/limits.ts';
import { Listener } from '../../../lib/server/listener.ts';

const flow = { pause: () => {}, resume: () => {} };

function transportThat(takes: boolean) {
  return { write: () => takes, bufferedBytes: () => 0, close: () => {}, destroy: () => {} };
}

it('outlives a handler that cannot take note of a connection that went', async () => {
  const failed: unknown[] = [];
  const note = (reason: unknown) => failed.push(reason);
  process.on('unhandledRejection', note);
  const handlers = {
    connect: async () => {},
    frame: async () => {},
    disconnect: async () => {
      throw new Error('The store does not answer.');
    },
  };
  const listener = new Listener(handlers, new LocalSockets(1000), localLimits, () => 'c');
  listener.accept(transportThat(true), flow, { door: 'tcp', from: undefined }).end();
  await new Promise((resolve) => setTimeout(resolve, 20));
  process.off('unhandledRejection', note);
  expect(failed).toEqual([]);
});

it('waits as long for the rest of a frame as ever after it was not listened to', async () => {
  const limits = { ...localLimits, frameIdleMs: 200 };
  const written: string[] = [];
  const transport = { ...transportThat(true), write: (octets: Uint8Array) => written.push(`${octets}`) > 0 };
  const handled = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let frames = 0;
  const handlers = {
    connect: async () => {},
    frame: async () => {
      const mine = frames++;
      // A login that takes longer than a frame may.
      if (mine === 0) await new Promise((resolve) => setTimeout(resolve, 2 * limits.frameIdleMs));
      handled[mine]?.resolve();
    },
    disconnect: async () => {},
  };
  const listener = new Listener(handlers, new LocalSockets(1000), limits, () => 'c');
  const connection = listener.accept(transport, flow, { door: 'tcp', from: undefined });
  connection.receive(Buffer.from('CONNECT\naccept-version:1.2\nhost:a\n\n\0SEND\ndestination:q\n\nhalf'));
  await handled[0]?.promise;
  connection.receive(Buffer.from(' and half\0'));
  await handled[1]?.promise;
  expect(written).toEqual([]);
  connection.end();
});

it('a socket that takes nothing more is gone', async () => {
  const sockets = new LocalSockets(1000);
  sockets.add('c', pacedSocket(transportThat(false)));
  expect(await sockets.post('c', Buffer.from('x'))).toBe('gone');
});
