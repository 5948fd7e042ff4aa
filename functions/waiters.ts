/** Sooner than this a waiting invocation covers a wake-up; what is later is the sweep's. */
const NEAR_MS = 60_000;

/** The most shards that one execution environment has invocations waiting for: each is a function that only sleeps. */
const WAITERS_MAX = 16;

/** By shard, when the invocation that waits for it wakes up: one is enough, and what comes later it finds. */
export class Waiters {
  readonly #waiting = new Map<string, number>();

  /** Whether an invocation is to wait for this time: true once, until it is over. */
  shouldWait(shard: string, at: number, now: number): boolean {
    for (const [other, until] of this.#waiting) if (until <= now) this.#waiting.delete(other);
    const earliest = this.#waiting.get(shard);
    if (at - now >= NEAR_MS || (earliest !== undefined && earliest <= at)) return false;
    if (earliest === undefined && this.#waiting.size >= WAITERS_MAX) return false;
    this.#waiting.set(shard, at);
    return true;
  }
}
