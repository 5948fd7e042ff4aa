import { createServer, type Server, type Socket } from 'node:net';
import type { Listener } from './listener.ts';

/** Takes plain STOMP over TCP: it opens the broker to STOMP clients in every language. */
export function tcpServer(listener: Listener): Server {
  return createServer({ noDelay: true }, (socket) => take(listener, socket));
}

function take(listener: Listener, socket: Socket): void {
  const connection = listener.accept(
    {
      send: (octets) => {
        if (socket.writable) socket.write(octets);
      },
      bufferedBytes: () => socket.writableLength,
      close: () => socket.end(),
      destroy: () => socket.destroy(),
    },
    { pause: () => socket.pause(), resume: () => socket.resume() },
  );
  socket.on('data', (octets: Buffer) => connection.receive(octets));
  socket.on('close', () => connection.end());
  // The close that follows is what matters.
  socket.on('error', () => socket.destroy());
}
