import { isUtf8 } from 'node:buffer';
import type { Principal } from '../access/principal.ts';
import { pacedSocket, type Transport } from '../gateway/paced-socket.ts';
import type { LocalSockets, Socket } from '../gateway/sockets.ts';
import type { SocketEvent } from '../handlers/events.ts';
import type { Limits } from '../model/limits.ts';
import type { Trace } from './options.ts';
import { OrderedConnection } from './ordered-connection.ts';

/** The handlers that a connection's life goes through. */
export type SocketHandlers = {
  readonly connect: (event: SocketEvent) => Promise<unknown>;
  readonly frame: (event: SocketEvent) => Promise<unknown>;
  readonly disconnect: (event: SocketEvent) => Promise<unknown>;
};

/** Who connects: by which door, from which address, and who it is if that is known. */
export type Comer = {
  readonly door: 'websocket' | 'tcp';
  readonly from: string | undefined;
  readonly principal?: Principal | undefined;
};

/** Turns what happens to sockets into the events that API Gateway would send. */
export class Listener {
  readonly #handlers: SocketHandlers;
  readonly #sockets: LocalSockets;
  readonly #limits: Limits;
  readonly #newId: () => string;
  readonly #trace: Trace;
  readonly #open = new Map<OrderedConnection, Socket>();
  /** While the server stops, consumers are left to its successor: a broker's end does not count against a message. */
  isStopping = false;

  constructor(
    handlers: SocketHandlers,
    sockets: LocalSockets,
    limits: Limits,
    newId: () => string,
    trace: Trace = () => {},
  ) {
    this.#handlers = handlers;
    this.#sockets = sockets;
    this.#limits = limits;
    this.#newId = newId;
    this.#trace = trace;
  }

  /** Takes a new connection. Its caller feeds what arrives to `receive`, and calls `end` when it is gone. */
  accept(
    transport: Transport,
    flow: { readonly pause: () => void; readonly resume: () => void },
    { door, from, principal }: Comer,
  ): OrderedConnection {
    const id = this.#newId();
    this.#trace('connected', { connection: id, door, from });
    const socket = pacedSocket(transport);
    const event = eventOf(id, '$connect', 'CONNECT');
    const opened = this.#handlers.connect({ ...event, requestContext: { ...event.requestContext, principal } });
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
          this.#trace('disconnected', { connection: id });
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
