import { BrokerError } from '../model/errors.ts';

/** How many hashes are computed at a time: each takes a core and 32 MiB, and a thread that the store needs as well. */
const AT_ONCE = 2;
/** How many may wait for that. */
const WAITING_MAX = 100;

/** Lets a few through at a time, the others in their order; many more than that are refused. */
export class Admission {
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  /** @throws BrokerError OVERLOADED; what `work` throws */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= AT_ONCE) await this.#wait();
    else this.#running++;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      // Its place goes on to the next one.
      if (next) next();
      else this.#running--;
    }
  }

  async #wait(): Promise<void> {
    if (this.#waiting.length >= WAITING_MAX) {
      throw new BrokerError('OVERLOADED', 'More logins are waiting than the broker takes.');
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
