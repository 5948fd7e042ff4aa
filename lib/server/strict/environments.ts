import type { Functions } from '../functions.ts';

/** Execution environments, as Lambda has them: each runs one invocation at a time, and shares no memory with others. */
export class Environments {
  readonly #create: () => Functions;
  readonly #idle: Functions[] = [];

  constructor(create: () => Functions) {
    this.#create = create;
  }

  /** Runs an invocation in an environment that is idle, or in a new one. */
  async invoke<R>(work: (functions: Functions) => Promise<R>): Promise<R> {
    const functions = this.#idle.pop() ?? this.#create();
    try {
      return await work(functions);
    } finally {
      this.#idle.push(functions);
    }
  }
}
