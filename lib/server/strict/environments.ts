import type { Invocables } from '../invocations.ts';

/** Execution environments, as Lambda has them: each runs one invocation at a time, and shares no memory with others. */
export class Environments {
  readonly #create: () => Invocables;
  readonly #idle: Invocables[] = [];

  constructor(create: () => Invocables) {
    this.#create = create;
  }

  /** Runs an invocation in an environment that is idle, or in a new one. */
  async invoke<R>(work: (functions: Invocables) => Promise<R>): Promise<R> {
    const functions = this.#idle.pop() ?? this.#create();
    try {
      return await work(functions);
    } finally {
      this.#idle.push(functions);
    }
  }
}
