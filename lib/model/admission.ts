import { BrokerError } from './errors.ts';

/** What is let through at a time, how many may wait for that, and what is said to those who are too many. */
type AdmissionOptions = { readonly atOnce: number; readonly waitingMax: number; readonly refusal: string };

/** Lets a few through at a time, the others in their order; many more than that are refused. */
export class Admission {
  readonly #options: AdmissionOptions;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** @throws BrokerError OVERLOADED; what `work` throws */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#options.atOnce) await this.#wait();
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
    const { waitingMax, refusal } = this.#options;
    if (this.#waiting.length >= waitingMax) throw new BrokerError('OVERLOADED', refusal);
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
