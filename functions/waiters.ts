const SECOND_MS = 1000;
/** Sooner than this a waiting invocation covers a wake-up; what is later is the sweep's. */
const NEAR_MS = 60_000;

/**
 * The times that invocations of this environment wait for: one for each second of a shard. How many wait for a shard its
 * state says, and bounds; what asks for a turn without a commit, as one that failed, asks here alone.
 */
export class Waiters {
  readonly #waiting = new Map<string, number>();

  /** Whether an invocation is to wait for this time of a shard, in milliseconds since the epoch: true once. */
  shouldWait(shard: string, at: number, now: number): boolean {
    for (const [waiter, until] of this.#waiting) if (until <= now) this.#waiting.delete(waiter);
    const until = Math.ceil(at / SECOND_MS) * SECOND_MS;
    const waiter = `${until} ${shard}`;
    if (at - now >= NEAR_MS || this.#waiting.has(waiter)) return false;
    this.#waiting.set(waiter, until);
    return true;
  }
}
