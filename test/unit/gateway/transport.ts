import type { Transport } from '../../../lib/gateway/paced-socket.ts';

/** A transport of which a test says what its peer reads. */
export class TestTransport implements Transport {
  readonly #written: { readonly octets: Uint8Array; readonly taken: () => void }[] = [];
  readonly read: string[] = [];
  /** The most that lay in it. */
  mostBytes = 0;
  isClosed = false;
  isDestroyed = false;

  readonly write = (octets: Uint8Array, taken: () => void): boolean => {
    if (this.isClosed || this.isDestroyed) return false;
    this.#written.push({ octets, taken });
    this.mostBytes = Math.max(this.mostBytes, this.bufferedBytes());
    return true;
  };

  readonly bufferedBytes = (): number => this.#written.reduce((sum, { octets }) => sum + octets.byteLength, 0);

  readonly close = (): void => {
    this.isClosed = true;
  };

  readonly destroy = (): void => {
    this.isDestroyed = true;
  };

  /** The peer reads one post. False if there was none. */
  readOne(): boolean {
    const next = this.#written.shift();
    if (next) this.read.push(Buffer.from(next.octets).toString('latin1', 0, 8).trim());
    next?.taken();
    return next !== undefined;
  }

  /** The peer reads all that comes. */
  readAll(): void {
    while (this.readOne());
  }
}
