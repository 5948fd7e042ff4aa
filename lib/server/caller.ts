import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Caller } from '../model/caller.ts';

/** What is to be told when a connection closes, one for each request of it that is not answered yet. */
const waiting = new WeakMap<Socket, Set<() => void>>();

/**
 * Who sent a request. He is gone once his connection has closed before the reply to it, and to what he sent before it,
 * was written: requests that follow one another on one connection have each a caller of their own.
 */
export function callerOf({ socket }: IncomingMessage, response: ServerResponse): Caller {
  const gone = new AbortController();
  const leave = () => gone.abort();
  const others = waiting.get(socket) ?? watch(socket);
  others.add(leave);
  if (socket.destroyed) leave();
  // Ahead of Node, which may close the connection then. It also tells of a reply that was written to nobody.
  response.prependOnceListener('finish', () => {
    if (!socket.destroyed) others.delete(leave);
  });
  return { gone: gone.signal, mayHaveHeard: writtenOf(response, socket) };
}

/** Whether the connection was given octets of a reply: one whose turn to be written has not come only keeps them. */
function writtenOf(response: ServerResponse, socket: Socket): () => boolean {
  let from = response.socket ? socket.bytesWritten : Number.POSITIVE_INFINITY;
  response.once('socket', () => {
    from = socket.bytesWritten;
  });
  return () => socket.bytesWritten > from;
}

function watch(socket: Socket): Set<() => void> {
  const leaving = new Set<() => void>();
  waiting.set(socket, leaving);
  socket.once('close', () => {
    for (const leave of leaving) leave();
  });
  return leaving;
}
