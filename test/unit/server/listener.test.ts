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

it('a socket that takes nothing more is gone', async () => {
  const sockets = new LocalSockets(1000);
  sockets.add('c', pacedSocket(transportThat(false)));
  expect(await sockets.post('c', Buffer.from('x'))).toBe('gone');
});
