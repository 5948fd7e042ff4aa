/** Longer waits are left to the sweep, which reads the wake-ups that were put down. */
const LONGEST_MS = 60 * 60 * 1000;

/** One timer a shard: the earliest time that was asked for. What comes later is asked for again by that turn. */
export class WakeTimers {
  readonly #timers = new Map<string, { readonly at: number; readonly timer: NodeJS.Timeout }>();
  readonly #ring: (shard: string) => void;
  readonly #now: () => number;
  #isOver = false;

  /** @param now the clock that the times are of */
  constructor(ring: (shard: string) => void, now: () => number) {
    this.#ring = ring;
    this.#now = now;
  }

  readonly set = (shard: string, at: number): void => {
    const wait = at - this.#now();
    const set = this.#timers.get(shard);
    if (this.#isOver || wait > LONGEST_MS || (set && set.at <= at)) return;
    clearTimeout(set?.timer);
    const timer = setTimeout(
      () => {
        this.#timers.delete(shard);
        this.#ring(shard);
      },
      Math.max(1, wait),
    );
    timer.unref();
    this.#timers.set(shard, { at, timer });
  };

  /** For good: a turn that ends later wakes nobody. */
  end(): void {
    this.#isOver = true;
    for (const { timer } of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}
