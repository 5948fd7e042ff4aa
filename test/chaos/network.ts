import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { Transform, type TransformCallback } from 'node:stream';
import type { Prng } from '../simulation/prng.ts';

/** What passes through may be held back, and goes on later in its order. */
class Gate extends Transform {
  #isShut = false;
  #held: (() => void) | undefined;

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    if (this.#isShut) this.#held = () => done(null, chunk);
    else done(null, chunk);
  }

  set isShut(isShut: boolean) {
    this.#isShut = isShut;
    if (isShut) return;
    const held = this.#held;
    this.#held = undefined;
    held?.();
  }
}

type Line = { readonly sockets: readonly Socket[]; readonly gates: readonly Gate[] };

/** The network between the clients and whoever is the master: its lines can be cut, and stalled. */
export class Network {
  /** Where a new connection goes; undefined while nobody is there. */
  target: { readonly host: string; readonly port: number } | undefined;
  readonly #server: Server;
  readonly #lines = new Set<Line>();
  #isStalled = false;

  private constructor() {
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
  }

  static async open(): Promise<Network> {
    const network = new Network();
    network.#server.listen(0, '127.0.0.1');
    await once(network.#server, 'listening');
    return network;
  }

  /** Where clients connect to. */
  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Breaks connections off, each with this probability. What is under way on them is gone. */
  cut(prng: Prng, probability: number): void {
    for (const { sockets } of this.#lines) {
      if (prng.chance(probability)) for (const socket of sockets) socket.destroy();
    }
  }

  /** Holds back what is under way in both directions, on connections that are opened meanwhile, too. */
  set isStalled(isStalled: boolean) {
    this.#isStalled = isStalled;
    for (const { gates } of this.#lines) for (const gate of gates) gate.isShut = isStalled;
  }

  close(): void {
    this.#server.close();
    for (const { sockets } of this.#lines) for (const socket of sockets) socket.destroy();
  }

  #accept(client: Socket): void {
    client.on('error', () => {});
    if (!this.target) {
      client.destroy();
      return;
    }
    const broker = connect({ ...this.target, noDelay: true });
    const line = { sockets: [client, broker], gates: [new Gate(), new Gate()] as const };
    for (const gate of line.gates) gate.isShut = this.#isStalled;
    this.#lines.add(line);
    client.pipe(line.gates[0]).pipe(broker);
    broker.pipe(line.gates[1]).pipe(client);
    for (const socket of line.sockets) {
      socket.on('error', () => {});
      socket.on('close', () => this.#end(line));
    }
  }

  /** Where one side is gone, the other one hears of it: at once, and not before what was sent has had a chance. */
  #end(line: Line): void {
    if (!this.#lines.delete(line)) return;
    for (const socket of line.sockets) socket.destroySoon();
  }
}
