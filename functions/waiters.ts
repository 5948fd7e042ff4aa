/** Sooner than this a waiting invocation covers a wake-up; what is later is the sweep's. */
const NEAR_MS = 60_000;

/** The most invocations that one execution environment has waiting: each is a function that only sleeps. */
const WAITERS_MAX = 16;

/**
 * The times that invocations of this environment wait for. Each time has its own: one that wakes and finds nothing to
 * do, since the time was put off or another environment's was first, asks for the next deadline, if there is one.
 */
export class Waiters {
  readonly #waiting = new Map<string, number>();

  /** Whether an invocation is to wait for this time of a shard, in milliseconds since the epoch: true once. */
  shouldWait(shard: string, at: number, now: number): boolean {
    for (const [waiter, until] of this.#waiting) if (until <= now) this.#waiting.delete(waiter);
    const waiter = `${at} ${shard}`;
    if (at - now >= NEAR_MS || this.#waiting.has(waiter) || this.#waiting.size >= WAITERS_MAX) return false;
    this.#waiting.set(waiter, at);
    return true;
  }
}
