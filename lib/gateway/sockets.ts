import type { PostOutcome, Push } from './push.ts';

/** A connection of this process. */
export type Socket = {
  /** Hands octets to the transport, whole frames only. False if it is closing and takes nothing more. */
  readonly send: (octets: Uint8Array) => boolean;
  /** Octets that the transport holds back because the peer reads slowly. */
  readonly bufferedBytes: () => number;
  /** Closes after what was sent. */
  readonly close: () => void;
  /** Breaks the connection off. */
  readonly destroy: () => void;
};

/** Above this a consumer is slow: a post waits until its transport has taken some. */
const BUFFERED_BYTES_MAX = 8 * 1024 * 1024;
const DRAIN_POLL_MS = 20;

/** Pushes to the sockets of this process. One that does not read within a post's time is broken off, as slow. */
export class LocalSockets implements Push {
  readonly #sockets = new Map<string, Socket>();
  #isStopping = false;

  add(connection: string, socket: Socket): void {
    this.#sockets.set(connection, socket);
  }

  remove(connection: string): void {
    this.#sockets.delete(connection);
  }

  /** Takes no more posts: what they bear stays with the broker, for whoever comes next. */
  stop(): void {
    this.#isStopping = true;
  }

  readonly post = async (connection: string, octets: Uint8Array, timeoutMs: number): Promise<PostOutcome> => {
    const socket = this.#sockets.get(connection);
    if (!socket) return 'gone';
    if (this.#isStopping) return 'stopped';
    if (socket.bufferedBytes() > BUFFERED_BYTES_MAX && !(await drained(socket, timeoutMs))) {
      socket.destroy();
      this.#sockets.delete(connection);
      return 'gone';
    }
    return socket.send(octets) ? 'sent' : 'gone';
  };

  readonly close = async (connection: string): Promise<void> => {
    this.#sockets.get(connection)?.close();
  };

  readonly isOpen = async (connection: string): Promise<boolean> => this.#sockets.has(connection);

  get connections(): readonly string[] {
    return [...this.#sockets.keys()];
  }
}

async function drained(socket: Socket, timeoutMs: number): Promise<boolean> {
  const giveUpAt = performance.now() + timeoutMs;
  while (performance.now() < giveUpAt) {
    await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
    if (socket.bufferedBytes() <= BUFFERED_BYTES_MAX) return true;
  }
  return false;
}
