import { createServer, type Server, type Socket } from 'node:net';
import type { Listener } from './listener.ts';

const KEEP_ALIVE_MS = 60_000;

/** Takes plain STOMP over TCP: it opens the broker to STOMP clients in every language. */
export function tcpServer(listener: Listener): Server {
  // A peer that is gone without a word and agreed on no heart-beats is found out by the system.
  return createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS }, (socket) =>
    take(listener, socket),
  );
}

function take(listener: Listener, socket: Socket): void {
  const connection = listener.accept(
    {
      endsLines: true,
      write: (octets, taken) => {
        if (!socket.writable) return false;
        socket.write(octets, taken);
        return true;
      },
      bufferedBytes: () => socket.writableLength,
      close: () => socket.end(),
      destroy: () => socket.destroy(),
    },
    { pause: () => socket.pause(), resume: () => socket.resume() },
    { door: 'tcp', from: socket.remoteAddress },
  );
  socket.on('data', (octets: Buffer) => connection.receive(octets));
  socket.on('close', () => connection.end());
  // The close that follows is what matters.
  socket.on('error', () => socket.destroy());
}
