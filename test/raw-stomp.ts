import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Frame, StompVersion } from '../lib/stomp/frame.ts';
import { FrameParser } from '../lib/stomp/parser.ts';

/** A TCP connection that sends octets as they are given, and reads frames. */
export class RawStomp {
  readonly #socket: Socket;
  readonly #frames: Frame[] = [];
  readonly #waiting: ((frame: Frame) => void)[] = [];
  /** Resolves when the server has closed the connection. */
  readonly closed: Promise<void>;
  heartBeats = 0;

  private constructor(socket: Socket, version: StompVersion) {
    this.#socket = socket;
    const limits = { frameBytes: 2 ** 30, headerCount: 1000, headerBytes: 2 ** 20 };
    const parser = new FrameParser({ limits, version, role: 'client' });
    socket.on('data', (octets) => {
      const { frames, heartBeats } = parser.push(octets);
      this.heartBeats += heartBeats;
      for (const frame of frames) this.#take(frame);
    });
    socket.on('error', () => {});
    this.closed = once(socket, 'close').then(() => {});
  }

  /** Opens a socket to a tcp:// URL, without any frame. */
  static async open(url: string, version: StompVersion = '1.2'): Promise<RawStomp> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    await once(socket, 'connect');
    return new RawStomp(socket, version);
  }

  /** Opens a session. */
  static async connect(url: string, version: StompVersion = '1.2'): Promise<RawStomp> {
    const raw = await RawStomp.open(url, version);
    raw.send(`CONNECT\naccept-version:${version}\nhost:any\n\n\0`);
    const connected = await raw.next();
    if (connected.command !== 'CONNECTED') throw new Error(`${connected.command}: ${textOf(connected)}`);
    return raw;
  }

  send(octets: string | Uint8Array): void {
    this.#socket.write(octets);
  }

  /** The next frame from the server. */
  next(): Promise<Frame> {
    const frame = this.#frames.shift();
    return frame ? Promise.resolve(frame) : new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Sends, and gives the next frame. */
  ask(octets: string | Uint8Array): Promise<Frame> {
    this.send(octets);
    return this.next();
  }

  /** Reads nothing more: what the server sends piles up on its side. */
  stopReading(): void {
    this.#socket.pause();
  }

  resumeReading(): void {
    this.#socket.resume();
  }

  /** Breaks the connection off without a word. */
  destroy(): void {
    this.#socket.destroy();
  }

  #take(frame: Frame): void {
    const waiting = this.#waiting.shift();
    if (waiting) waiting(frame);
    else this.#frames.push(frame);
  }
}

export function textOf(frame: Frame): string {
  return Buffer.from(frame.body).toString('utf8');
}
