type Event = { readonly at: number; readonly order: number; readonly run: () => void | Promise<void> };

/** All the promises that one event resolved have gone on as far as they can. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Simulated time: nothing happens but what is scheduled here, one event after the other. */
export class Schedule {
  #events: Event[] = [];
  #order = 0;
  /** Milliseconds since the epoch, by no one's clock but the world's. */
  now: number;
  #failure: Error | undefined;

  constructor(startMs: number) {
    this.now = startMs;
  }

  after(ms: number, run: () => void | Promise<void>): void {
    const event = { at: this.now + Math.max(0, Math.ceil(ms)), order: this.#order++, run };
    const heap = this.#events;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!isBefore(event, heap[above] as Event)) break;
      heap[at] = heap[above] as Event;
      at = above;
    }
    heap[at] = event;
  }

  /** Runs what is scheduled, up to a time. */
  async runUntil(time: number, isOver: () => boolean = () => false): Promise<void> {
    await settled();
    while (!isOver()) {
      const [next] = this.#events;
      if (!next || next.at > time) {
        this.now = Math.max(this.now, time);
        return;
      }
      this.#removeFirst();
      this.now = next.at;
      await next.run();
      await settled();
      if (this.#failure) throw this.#failure;
    }
  }

  /** Ends the run, from where nobody would catch it. */
  fail(error: Error): void {
    this.#failure ??= error;
  }

  /** What this throws ends the run, where whoever calls would take it for a failure of his own. */
  watch(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.fail(error as Error);
    }
  }

  #removeFirst(): void {
    const heap = this.#events;
    const last = heap.pop() as Event;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= heap.length) break;
      const right = left + 1;
      const least = right < heap.length && isBefore(heap[right] as Event, heap[left] as Event) ? right : left;
      if (!isBefore(heap[least] as Event, last)) break;
      heap[at] = heap[least] as Event;
      at = least;
    }
    heap[at] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
