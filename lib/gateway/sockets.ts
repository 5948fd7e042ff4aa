import type { Congestion } from '../model/congestion.ts';
import type { PostOutcome, Push } from './push.ts';

/** A connection of this process. */
export type Socket = {
  /** Hands octets to the transport, whole frames only. False if it is closing and takes nothing more. */
  readonly send: (octets: Uint8Array) => boolean;
  /** See `Push.endsLines`. */
  readonly endsLines: boolean;
  /** Octets that are held back because the peer reads slowly. */
  readonly bufferedBytes: () => number;
  /** Calls back each time that the transport has taken something. */
  readonly onTaken: (then: () => void) => void;
  /** Closes after what was sent. */
  readonly close: () => void;
  /** Breaks the connection off. */
  readonly destroy: () => void;
};

const MiB = 1024 * 1024;
/** No post begins above this. */
const BUFFERED_BYTES_MAX = 8 * MiB;
/** Above this a connection is congested: no queue gives it more. A turn's worth fits in between. */
const CONGESTED_BYTES = 4 * MiB;
/** It is not so any more once it is down to this: there is something to read while the next turn begins. */
const DRAINED_BYTES = 2 * MiB;

type Held = {
  readonly socket: Socket;
  readonly onDrained: Map<string, () => void>;
  /** Breaks it off, unless something is taken before; while something waits for room. */
  stall: NodeJS.Timeout | undefined;
};

const nobody: ReadonlySet<string> = new Set();

/** Pushes to the sockets of this process. One that reads nothing for a while though more waits for it is broken off. */
export class LocalSockets implements Push {
  readonly #sockets = new Map<string, Held>();
  readonly #congested = new Set<string>();
  readonly #stalledMs: number;
  #isStopping = false;

  /** @param stalledMs how long a connection that holds something up may take nothing */
  constructor(stalledMs: number) {
    this.#stalledMs = stalledMs;
  }

  add(connection: string, socket: Socket): void {
    this.#sockets.set(connection, { socket, onDrained: new Map(), stall: undefined });
    socket.onTaken(() => this.#taken(connection));
  }

  remove(connection: string): void {
    clearTimeout(this.#sockets.get(connection)?.stall);
    this.#sockets.delete(connection);
    this.#congested.delete(connection);
  }

  /** Takes no more posts: what they bear stays with the broker, for whoever comes next. */
  stop(): void {
    this.#isStopping = true;
  }

  readonly post = async (connection: string, octets: Uint8Array): Promise<PostOutcome> => {
    const held = this.#sockets.get(connection);
    if (!held) return 'gone';
    if (this.#isStopping) return 'stopped';
    const { socket } = held;
    if (socket.bufferedBytes() > BUFFERED_BYTES_MAX) {
      this.#watch(connection, held);
      return 'refused';
    }
    if (!socket.send(octets)) return 'gone';
    if (socket.bufferedBytes() > CONGESTED_BYTES) this.#congested.add(connection);
    return 'sent';
  };

  readonly close = async (connection: string): Promise<void> => {
    this.#sockets.get(connection)?.socket.close();
  };

  readonly isOpen = async (connection: string): Promise<boolean> => this.#sockets.has(connection);

  readonly endsLines = (connection: string): boolean => this.#sockets.get(connection)?.socket.endsLines ?? false;

  readonly congestion: Congestion = {
    now: () => (this.#congested.size === 0 ? nobody : new Set(this.#congested)),
    onDrained: (connection, asker, then) => {
      const held = this.#sockets.get(connection);
      if (!held || !this.#congested.has(connection)) return then();
      held.onDrained.set(asker, then);
      this.#watch(connection, held);
    },
  };

  /** Something waits for room in this socket. */
  #watch(connection: string, held: Held): void {
    held.stall ??= setTimeout(() => {
      this.remove(connection);
      held.socket.destroy();
    }, this.#stalledMs).unref();
  }

  #taken(connection: string): void {
    if (!this.#congested.has(connection)) return;
    const held = this.#sockets.get(connection);
    held?.stall?.refresh();
    if (!held || held.socket.bufferedBytes() > DRAINED_BYTES) return;
    clearTimeout(held.stall);
    held.stall = undefined;
    this.#congested.delete(connection);
    const waiting = [...held.onDrained.values()];
    held.onDrained.clear();
    if (!this.#isStopping) for (const then of waiting) then();
  }
}
