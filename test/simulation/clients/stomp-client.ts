import type { Headers } from '../../../lib/model/message.ts';
import { encodeFrame } from '../../../lib/stomp/encode.ts';
import type { Frame, StompVersion } from '../../../lib/stomp/frame.ts';
import { decodeFrames } from '../../../lib/stomp/parser.ts';
import type { Site } from '../site.ts';
import type { World } from '../world.ts';

const PATIENCE_MS = 4000;

export type Outgoing = { readonly command: string; readonly headers: Headers; readonly body?: string };

/** A client that connects again whenever its connection ends or nobody answers it. */
export class StompClient {
  readonly #world: World;
  readonly #site: Site;
  readonly #greeting: readonly Outgoing[];
  readonly #version: StompVersion;
  readonly #events: {
    readonly onReady: () => void;
    readonly onMessage: (frame: Frame) => void;
    readonly onGone: () => void;
  };
  readonly #receipts = new Map<string, () => void>();
  #connection: string | undefined;
  /** Counts the connections: what belongs to an earlier one means nothing any more. */
  #life = 0;
  #isReady = false;
  #isOver = false;
  #named = 0;

  /** @param greeting what follows CONNECT in the first WebSocket message */
  constructor(
    world: World,
    site: Site,
    greeting: readonly Outgoing[],
    events: { onReady: () => void; onMessage: (frame: Frame) => void; onGone: () => void },
    version: StompVersion = '1.2',
  ) {
    this.#world = world;
    this.#site = site;
    this.#greeting = greeting;
    this.#events = events;
    this.#version = version;
    this.#connect();
  }

  get connection(): string | undefined {
    return this.#connection;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** Sends frames as one WebSocket message, the last with a receipt. `onReceipt` may never come. */
  send(frames: readonly Outgoing[], onReceipt: () => void): void {
    const receipt = `r${++this.#named}`;
    this.#receipts.set(receipt, onReceipt);
    const all = frames.map((frame, i) =>
      i === frames.length - 1 ? { ...frame, headers: { ...frame.headers, receipt } } : frame,
    );
    if (this.#connection !== undefined) this.#site.frame(this.#connection, this.#octetsOf(all));
  }

  /** The network cuts the connection: the gateway may or may not notice. */
  drop(isNoticed: boolean): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#world.trace.add('network', `drops ${connection.slice(0, 4)}${isNoticed ? '' : ' unnoticed'}`);
    this.#world.network.close(connection);
    if (isNoticed) this.#site.disconnect(connection);
  }

  /** Goes for good. */
  end(isNoticed: boolean): void {
    this.#isOver = true;
    this.drop(isNoticed);
  }

  #connect(): void {
    if (this.#isOver) return;
    const life = ++this.#life;
    this.#receipts.clear();
    const peer = {
      onOctets: (octets: Uint8Array) => {
        if (life === this.#life) this.#read(octets);
      },
      onClosed: () => {
        if (life === this.#life) this.#closed();
      },
    };
    this.#site.open(peer, (connection) => {
      if (life !== this.#life) return;
      this.#connection = connection;
      if (this.#isOver) {
        this.drop(true);
        return;
      }
      const connect = { command: 'CONNECT', headers: { 'accept-version': this.#version, host: '/' } };
      this.#named++;
      const receipt = `r${this.#named}`;
      this.#receipts.set(receipt, () => {
        this.#isReady = true;
        this.#events.onReady();
      });
      const greeting = this.#greeting.map((frame, i) =>
        i === this.#greeting.length - 1 ? { ...frame, headers: { ...frame.headers, receipt } } : frame,
      );
      this.#site.frame(connection, this.#octetsOf([connect, ...greeting]));
      if (greeting.length === 0) this.#isReady = true;
    });
    this.#world.schedule.after(PATIENCE_MS, () => {
      if (life !== this.#life || this.#isReady) return;
      if (this.#connection === undefined) this.#closed();
      else this.drop(true);
    });
  }

  #closed(): void {
    this.#life++;
    this.#connection = undefined;
    this.#isReady = false;
    this.#events.onGone();
    this.#world.schedule.after(this.#world.prng.between(10, 1000), () => {
      if (this.#connection === undefined) this.#connect();
    });
  }

  #read(octets: Uint8Array): void {
    const { limits, witness } = this.#world;
    const { frames } = decodeFrames(Buffer.from(octets), { limits, version: this.#version, role: 'client' });
    for (const frame of frames) {
      const receipt = frame.headers['receipt-id'];
      if (frame.command === 'MESSAGE') this.#events.onMessage(frame);
      if (frame.command === 'ERROR') witness.refused(frame);
      if (frame.command === 'CONNECTED' && this.#greeting.length === 0) this.#events.onReady();
      if (frame.command !== 'RECEIPT' || receipt === undefined) continue;
      this.#receipts.get(receipt)?.();
      this.#receipts.delete(receipt);
    }
  }

  #octetsOf(frames: readonly Outgoing[]): Buffer {
    return Buffer.concat(
      frames.map(({ command, headers, body = '' }) => encodeFrame(command, headers, Buffer.from(body), this.#version)),
    );
  }
}
