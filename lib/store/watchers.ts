/** Who waits for a shard's head to change, within this process. */
export class Watchers {
  readonly #waiting = new Map<string, Set<() => void>>();

  /** Resolves at the next `wake` of the shard, after `timeoutMs`, or when `signal` is aborted. */
  wait(shard: string, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(shard) ?? new Set();
      this.#waiting.set(shard, waiting);
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        waiting.delete(done);
        if (waiting.size === 0 && this.#waiting.get(shard) === waiting) this.#waiting.delete(shard);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      signal?.addEventListener('abort', done, { once: true });
      waiting.add(done);
    });
  }

  has(shard: string): boolean {
    return this.#waiting.has(shard);
  }

  wake(shard: string): void {
    for (const done of [...(this.#waiting.get(shard) ?? [])]) done();
  }

  wakeAll(): void {
    for (const shard of [...this.#waiting.keys()]) this.wake(shard);
  }
}
