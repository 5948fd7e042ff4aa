import { isUtf8 } from 'node:buffer';
import type { LocalSockets, Socket } from '../gateway/sockets.ts';
import type { SocketEvent } from '../handlers/events.ts';
import type { Limits } from '../model/limits.ts';
import { OrderedConnection } from './ordered-connection.ts';

/** The handlers that a connection's life goes through. */
export type SocketHandlers = {
  readonly connect: (event: SocketEvent) => Promise<unknown>;
  readonly frame: (event: SocketEvent) => Promise<unknown>;
  readonly disconnect: (event: SocketEvent) => Promise<unknown>;
};

/** Turns what happens to sockets into the events that API Gateway would send. */
export class Listener {
  readonly #handlers: SocketHandlers;
  readonly #sockets: LocalSockets;
  readonly #limits: Limits;
  readonly #newId: () => string;
  readonly #open = new Map<OrderedConnection, Socket>();
  /** While the server stops, consumers are left to its successor: a broker's end does not count against a message. */
  isStopping = false;

  constructor(handlers: SocketHandlers, sockets: LocalSockets, limits: Limits, newId: () => string) {
    this.#handlers = handlers;
    this.#sockets = sockets;
    this.#limits = limits;
    this.#newId = newId;
  }

  /** Takes a new connection. Its caller feeds what arrives to `receive`, and calls `end` when it is gone. */
  accept(
    socket: Socket,
    flow: { readonly pause: () => void; readonly resume: () => void },
    authorizer?: SocketEvent['requestContext']['authorizer'],
  ): OrderedConnection {
    const id = this.#newId();
    const event = eventOf(id, '$connect', 'CONNECT');
    const opened = this.#handlers.connect({ ...event, requestContext: { ...event.requestContext, authorizer } });
    // Its first frame meets the failure, and is answered with it.
    opened.catch(() => {});
    const connection = new OrderedConnection(
      socket,
      this.#limits,
      {
        onFrames: async (octets) => {
          await opened;
          await this.#handlers.frame({ ...eventOf(id, '$default', 'MESSAGE'), ...bodyOf(octets) });
        },
        onEnd: async () => {
          this.#sockets.remove(id);
          this.#open.delete(connection);
          if (this.isStopping) return;
          // The handler has logged what failed; a push finds out that the connection is gone, or a probe does.
          await this.#handlers.disconnect(eventOf(id, '$disconnect', 'DISCONNECT')).catch(() => {});
        },
      },
      flow,
    );
    this.#open.set(connection, socket);
    this.#sockets.add(id, { ...socket, close: () => connection.close() });
    return connection;
  }

  /** Takes nothing more, and lets what was received be handled. Connections stay open for the replies. */
  async drain(): Promise<void> {
    this.isStopping = true;
    await Promise.all([...this.#open.keys()].map((connection) => connection.drain()));
  }

  /** Closes every connection, after what was sent. */
  close(): void {
    this.isStopping = true;
    for (const connection of this.#open.keys()) connection.close();
  }

  /** Breaks every connection off. */
  destroy(): void {
    this.isStopping = true;
    for (const socket of this.#open.values()) socket.destroy();
  }
}

function eventOf(connectionId: string, routeKey: string, eventType: 'CONNECT' | 'MESSAGE' | 'DISCONNECT'): SocketEvent {
  return { requestContext: { connectionId, routeKey, eventType, stage: 'local' } } as SocketEvent;
}

function bodyOf(octets: Buffer): Pick<SocketEvent, 'body' | 'isBase64Encoded'> {
  if (isUtf8(octets)) return { body: octets.toString('utf8'), isBase64Encoded: false };
  return { body: octets.toString('base64'), isBase64Encoded: true };
}
