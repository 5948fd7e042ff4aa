import { isUtf8 } from 'node:buffer';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { WebSocket } from 'ws';
import type { Frame, StompVersion } from '../lib/stomp/frame.ts';
import { FrameParser } from '../lib/stomp/parser.ts';

/** What a connection needs of its transport. */
type Transport = {
  readonly send: (octets: string | Uint8Array) => void;
  readonly onOctets: (take: (octets: Buffer) => void) => void;
  readonly closed: Promise<void>;
  readonly pause: () => void;
  readonly resume: () => void;
  readonly destroy: () => void;
};

/** API Gateway takes no larger WebSocket frame: a message may come in several. */
const FRAME_BYTES = 32 * 1024;

/** A connection, over TCP or WebSocket, that sends octets as they are given, and reads frames. */
export class RawStomp {
  readonly #transport: Transport;
  readonly #frames: Frame[] = [];
  readonly #waiting: { readonly wants: (frame: Frame) => boolean; readonly take: (frame: Frame) => void }[] = [];
  /** Resolves when the server has closed the connection. */
  readonly closed: Promise<void>;
  heartBeats = 0;

  private constructor(transport: Transport, version: StompVersion) {
    this.#transport = transport;
    const limits = { frameBytes: 2 ** 30, headerCount: 1000, headerBytes: 2 ** 20 };
    const parser = new FrameParser({ limits, version, role: 'client' });
    transport.onOctets((octets) => {
      const { frames, heartBeats } = parser.push(octets);
      this.heartBeats += heartBeats;
      for (const frame of frames) this.#take(frame);
    });
    this.closed = transport.closed;
  }

  /** Opens a connection to a tcp:, ws: or wss: URL, without any frame. */
  static async open(url: string, version: StompVersion = '1.2'): Promise<RawStomp> {
    const transport = url.startsWith('ws') ? await openWebSocket(url) : await openTcp(url);
    return new RawStomp(transport, version);
  }

  /** Opens a session. */
  static async connect(url: string, version: StompVersion = '1.2'): Promise<RawStomp> {
    const raw = await RawStomp.open(url, version);
    raw.send(`CONNECT\naccept-version:${version}\nhost:any\n\n\0`);
    const connected = await raw.next();
    if (connected.command !== 'CONNECTED') throw new Error(`${connected.command}: ${textOf(connected)}`);
    return raw;
  }

  /** Sends octets: over WebSocket, as one message. */
  send(octets: string | Uint8Array): void {
    this.#transport.send(octets);
  }

  /** The next frame from the server. */
  next(): Promise<Frame> {
    return this.#nextOf(() => true);
  }

  /**
   * The next `count` messages. Receipts that come among them are passed over.
   * @throws Error at an ERROR frame
   */
  async messages(count: number): Promise<Frame[]> {
    const messages: Frame[] = [];
    while (messages.length < count) {
      const frame = await this.next();
      if (frame.command === 'MESSAGE') messages.push(frame);
      else if (frame.command === 'ERROR') throw new Error(textOf(frame));
    }
    return messages;
  }

  /** Sends, and gives the next frame. */
  ask(octets: string | Uint8Array): Promise<Frame> {
    this.send(octets);
    return this.next();
  }

  /** Sends, and waits until `receipt` is confirmed, whatever else comes. What comes stays to be read. */
  async confirm(octets: string | Uint8Array, receipt: string): Promise<Frame> {
    this.send(octets);
    const frame = await this.#nextOf(
      ({ command, headers }) => command === 'ERROR' || headers['receipt-id'] === receipt,
    );
    if (frame.command === 'ERROR') throw new Error(textOf(frame));
    return frame;
  }

  /** Reads nothing more: what the server sends piles up on its side. */
  stopReading(): void {
    this.#transport.pause();
  }

  resumeReading(): void {
    this.#transport.resume();
  }

  /** Breaks the connection off without a word. */
  destroy(): void {
    this.#transport.destroy();
  }

  #nextOf(wants: (frame: Frame) => boolean): Promise<Frame> {
    const at = this.#frames.findIndex(wants);
    const [frame] = at === -1 ? [] : this.#frames.splice(at, 1);
    return frame ? Promise.resolve(frame) : new Promise((take) => this.#waiting.push({ wants, take }));
  }

  #take(frame: Frame): void {
    const at = this.#waiting.findIndex(({ wants }) => wants(frame));
    const [waiting] = at === -1 ? [] : this.#waiting.splice(at, 1);
    if (waiting) waiting.take(frame);
    else this.#frames.push(frame);
  }
}

async function openTcp(url: string): Promise<Transport> {
  const { hostname, port } = new URL(url);
  const socket: Socket = connect({ host: hostname, port: Number(port), noDelay: true });
  await once(socket, 'connect');
  socket.on('error', () => {});
  return {
    send: (octets) => socket.write(octets),
    onOctets: (take) => socket.on('data', take),
    closed: once(socket, 'close').then(() => {}),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    destroy: () => socket.destroy(),
  };
}

async function openWebSocket(url: string): Promise<Transport> {
  const socket = new WebSocket(url);
  await once(socket, 'open');
  socket.on('error', () => {});
  return {
    send: (octets) => {
      const all = Buffer.from(octets as Uint8Array);
      const binary = !isUtf8(all);
      for (let at = 0; at === 0 || at < all.length; at += FRAME_BYTES) {
        const fin = at + FRAME_BYTES >= all.length;
        socket.send(all.subarray(at, at + FRAME_BYTES), { binary, fin });
      }
    },
    onOctets: (take) => socket.on('message', (octets: Buffer) => take(octets)),
    closed: once(socket, 'close').then(() => {}),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    destroy: () => socket.terminate(),
  };
}

export function textOf(frame: Frame): string {
  return Buffer.from(frame.body).toString('utf8');
}
