import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { FrameSizes } from './frame-sizes.ts';
import { FRAME_BYTES, type Rules } from './rules.ts';

const NORMAL = 1000;
const GOING_AWAY = 1001;
const UNSUPPORTED_DATA = 1003;
const TOO_BIG = 1009;

/** What a connection tells the gateway. */
export type GatewayEvents = {
  /** Takes a message, by its number on this connection. */
  readonly onMessage: (text: string, number: number) => void;
  readonly onEnd: () => void;
};

/** One WebSocket connection, within the bounds that API Gateway sets: sizes, text alone, idleness and age. */
export class GatewayConnection {
  /** Counts connections: what is drawn for this one is drawn by its number. */
  readonly number: number;
  readonly #webSocket: WebSocket;
  readonly #idleMs: number;
  readonly #age: NodeJS.Timeout;
  #idle: NodeJS.Timeout | undefined;
  #messages = 0;
  #posts = 0;
  #isOver = false;

  constructor(number: number, webSocket: WebSocket, socket: Duplex, rules: Rules, { onMessage, onEnd }: GatewayEvents) {
    this.number = number;
    this.#webSocket = webSocket;
    this.#idleMs = rules.idleMs;
    this.#age = setTimeout(() => this.close(GOING_AWAY), rules.lifetimeMs);
    this.#rest();
    const sizes = new FrameSizes();
    // Ahead of the library: the message of a frame that is too large is never taken.
    socket.prependListener('data', (octets: Buffer) => {
      if (sizes.pass(octets) > FRAME_BYTES) this.close(TOO_BIG);
    });
    webSocket.on('message', (data: Buffer, isBinary) => {
      if (this.#isOver) return;
      if (isBinary) return this.close(UNSUPPORTED_DATA);
      this.#rest();
      onMessage(data.toString('utf8'), ++this.#messages);
    });
    // A protocol error closes the socket, which is what matters.
    webSocket.on('error', () => webSocket.terminate());
    webSocket.on('close', () => {
      this.#end();
      onEnd();
    });
  }

  /** The number of the next post. */
  nextPost(): number {
    return ++this.#posts;
  }

  /** Sends a text. False if the connection takes nothing more. */
  send(octets: Uint8Array): boolean {
    if (this.#isOver || this.#webSocket.readyState !== this.#webSocket.OPEN) return false;
    this.#rest();
    this.#webSocket.send(octets, { binary: false });
    return true;
  }

  close(code = NORMAL): void {
    if (this.#isOver) return;
    this.#end();
    this.#webSocket.close(code);
  }

  destroy(): void {
    this.#end();
    this.#webSocket.terminate();
  }

  #end(): void {
    this.#isOver = true;
    clearTimeout(this.#age);
    clearTimeout(this.#idle);
  }

  #rest(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.close(GOING_AWAY), this.#idleMs);
  }
}
