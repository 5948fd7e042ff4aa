import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import type { Frame } from '../lib/stomp/frame.ts';
import { FrameParser } from '../lib/stomp/parser.ts';

/** A WebSocket that sends frames as they are given, and reads frames. */
export class WebSocketStomp {
  readonly #socket: WebSocket;
  readonly #frames: Frame[] = [];
  readonly #waiting: ((frame: Frame) => void)[] = [];
  readonly closed: Promise<void>;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    const limits = { frameBytes: 2 ** 30, headerCount: 1000, headerBytes: 2 ** 20 };
    const parser = new FrameParser({ limits, version: '1.2', role: 'client' });
    socket.on('message', (octets: Buffer) => {
      for (const frame of parser.push(octets).frames) {
        const waiting = this.#waiting.shift();
        if (waiting) waiting(frame);
        else this.#frames.push(frame);
      }
    });
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  /** Opens a socket without any frame; gives the HTTP status where it is refused. */
  static open(url: string, authorization?: string): Promise<WebSocketStomp | number> {
    const socket = new WebSocket(url, ['v12.stomp'], authorization ? { headers: { authorization } } : {});
    return new Promise((resolve, reject) => {
      socket.once('open', () => resolve(new WebSocketStomp(socket)));
      socket.once('unexpected-response', (_, response: IncomingMessage) => {
        resolve(response.statusCode ?? 0);
        socket.terminate();
      });
      socket.once('error', reject);
    });
  }

  send(octets: string): void {
    this.#socket.send(octets);
  }

  /** The next frame from the server. */
  next(): Promise<Frame> {
    const frame = this.#frames.shift();
    return frame ? Promise.resolve(frame) : new Promise((resolve) => this.#waiting.push(resolve));
  }

  ask(octets: string): Promise<Frame> {
    this.send(octets);
    return this.next();
  }

  /** Frames that have come and were not asked for. */
  get unread(): readonly Frame[] {
    return this.#frames;
  }

  close(): void {
    this.#socket.terminate();
  }
}
