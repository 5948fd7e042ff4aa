import type { Delivery } from '../model/message.ts';
import type { Head } from '../store/port.ts';

/** A pull that stands in its shard's inbox. */
export type Called = {
  readonly id: string;
  /** The head with it. */
  readonly head: Head;
  /** What a turn of this process gave it; undefined if another process may have. Undefined itself if none is under way. */
  readonly answer: Promise<readonly Delivery[] | undefined> | undefined;
  /** To be called once it is answered, in one go with its coming back into the line. */
  readonly onAnswered: () => void;
};

/** A pull that waits. */
export type Waiter = {
  /** Its place in the line: who came first has the lowest. */
  readonly place: number;
  readonly max: number;
  readonly visibilityMs: number;
  /** When its wait is over, by the broker's clock. */
  readonly giveUpAt: number;
  /** By when its request is to have an answer. */
  readonly endsAt: number;
  /** Undefined: its time is over. */
  readonly resolve: (called: Called | undefined) => void;
  readonly reject: (error: unknown) => void;
};

/** The pulls that wait for one shard in this process, first come, first served. */
export class Line {
  #waiting: Waiter[] = [];
  #unanswered = 0;
  #waking = new AbortController();

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** True while somebody who was called may come back to the front. */
  get isHeld(): boolean {
    return this.#unanswered > 0;
  }

  /** When the time of the first one is over. */
  get giveUpAt(): number {
    return this.#waiting.reduce((earliest, { giveUpAt }) => Math.min(earliest, giveUpAt), Number.POSITIVE_INFINITY);
  }

  /** Who was called and got nothing comes before those who came later. */
  enter(waiter: Waiter): void {
    const behind = this.#waiting.findLastIndex(({ place }) => place < waiter.place);
    this.#waiting.splice(behind + 1, 0, waiter);
    this.wake();
  }

  /** @returns false for one who was called already: he is answered, and has to give back what he gets */
  leave(waiter: Waiter): boolean {
    const at = this.#waiting.indexOf(waiter);
    if (at === -1) return false;
    this.#waiting.splice(at, 1);
    if (this.isEmpty) this.wake();
    return true;
  }

  /** Aborted when there is somebody new to look for, or nobody any more: from this call on. */
  awaken(): AbortSignal {
    this.#waking = new AbortController();
    return this.#waking.signal;
  }

  wake(): void {
    this.#waking.abort();
  }

  /**
   * Takes out as many as the messages are for, from the front: nobody until all who were called before are answered, as
   * one of them who got nothing comes before the rest.
   */
  call(messages: number, most: number): readonly Waiter[] {
    let left = this.isHeld ? 0 : messages;
    let count = 0;
    while (left > 0 && count < Math.min(most, this.#waiting.length)) left -= this.#waiting[count++]?.max ?? 0;
    this.#unanswered += count;
    return this.#waiting.splice(0, count);
  }

  /** One who was called has an answer; if he goes on waiting, he comes in again at once. */
  answered(): void {
    this.#unanswered--;
    if (!this.isHeld) this.wake();
  }

  /** Sends those away whose time is over, if they came before `next` did. */
  dismiss(now: number, next: number): void {
    const isOver = ({ giveUpAt, place }: Waiter) => giveUpAt <= now && place < next;
    const over = this.#waiting.filter(isOver);
    if (over.length === 0) return;
    this.#waiting = this.#waiting.filter((waiter) => !isOver(waiter));
    for (const waiter of over) waiter.resolve(undefined);
  }

  fail(error: unknown): void {
    for (const waiter of this.#waiting.splice(0)) waiter.reject(error);
  }
}

/** The lines of this process. In each, one look at the shard is for all. */
export class Lines {
  readonly #lines = new Map<string, Line>();
  #places = 0;
  #isEnded = false;

  /** The place of whoever comes next. */
  get next(): number {
    return this.#places;
  }

  /** True once nobody is to wait any more. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Whether somebody waits for this shard here. */
  has(shard: string): boolean {
    return this.#lines.has(shard);
  }

  takePlace(): number {
    return this.#places++;
  }

  /** @param serve looks for those who stand in a line that begins, until it is empty */
  enter(shard: string, waiter: Waiter, serve: (line: Line) => Promise<void>): Line {
    const line = this.#lines.get(shard);
    if (line) {
      line.enter(waiter);
      return line;
    }
    const begun = new Line();
    this.#lines.set(shard, begun);
    begun.enter(waiter);
    void serve(begun);
    return begun;
  }

  /** Called when it is empty, before anybody can enter it. */
  close(shard: string): void {
    this.#lines.delete(shard);
  }

  /** Answers all who wait, and those who come later, without waiting any longer. */
  end(): void {
    this.#isEnded = true;
    for (const line of this.#lines.values()) line.wake();
  }
}
