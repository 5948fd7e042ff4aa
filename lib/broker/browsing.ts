import { Admission } from '../model/admission.ts';

/** Each may have some MiB of bodies in memory. */
const READS_AT_ONCE = 8;
const READS_WAITING_MAX = 10_000;

/** Bounds what all who browse in this process hold in memory, however many they are. */
export class Browsing {
  readonly #reads = new Admission({
    atOnce: READS_AT_ONCE,
    waitingMax: READS_WAITING_MAX,
    refusal: 'More browses are waiting than the broker takes; try again later.',
  });
  /** By connection: what comes before the next one. */
  readonly #last = new Map<string, Promise<void>>();

  /** A page is read, a few at a time. @throws BrokerError OVERLOADED */
  read<T>(work: () => Promise<T>): Promise<T> {
    return this.#reads.run(work);
  }

  /** Browsers of one connection read and feed it one after the other: it holds one page for all of them. */
  async inTurn<T>(connection: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(connection);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last.set(connection, promise);
    await before;
    try {
      return await work();
    } finally {
      if (this.#last.get(connection) === promise) this.#last.delete(connection);
      resolve();
    }
  }
}
