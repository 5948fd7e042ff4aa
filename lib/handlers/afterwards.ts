import { asBrokerError, type BrokerError } from '../model/errors.ts';

/** Work that no reply waits for. A Lambda function awaits it before it ends: what runs later would freeze with it. */
export class Afterwards {
  readonly #running = new Set<Promise<unknown>>();
  readonly #onFailure: (error: BrokerError) => void;

  constructor(onFailure: (error: BrokerError) => void) {
    this.#onFailure = onFailure;
  }

  readonly defer = (work: () => Promise<unknown>): void => {
    const running = work()
      .catch((error: unknown) => this.#onFailure(asBrokerError(error)))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  };

  /** Resolves when nothing is left to do, what was added meanwhile included. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }
}
