import type { Arrival } from './history.ts';
import type { Sent } from './sent-log.ts';
import { must } from './violation.ts';

/** One delivery that a client has in its hands. */
type Holding = {
  readonly who: string;
  readonly connection: string;
  readonly until: number;
  readonly takeovers: number;
  isFree: boolean;
  /** The broker does not know whether it arrived, or whether its consumer is through with it. */
  isDoubtful: boolean;
};

/** Who has which message in its hands: one at a time, takeovers excepted. */
export class Holders {
  readonly #now: () => number;
  readonly #slackMs: number;
  readonly #holdings = new Map<string, Holding>();
  readonly #byHolder = new Map<string, string[]>();
  readonly #takeovers = new Map<string, number>();

  constructor(now: () => number, slackMs: number) {
    this.#now = now;
    this.#slackMs = slackMs;
  }

  /**
   * Somebody else may have had it only if that one let go of it, or a master died.
   * @returns how many deliveries this one has had by now
   */
  take(name: string, arrival: Arrival, sent: Sent, isStray: boolean): number {
    const { who, connection, queue, messageId, until, isAuto } = arrival;
    const takeovers = this.#takeovers.get(queue) ?? 0;
    // A dead letter is persistent, whatever it was before.
    const isTransient = sent.isTransient && queue === sent.queue;
    const before = this.#holdings.get(name);
    if (before) {
      const isOver = before.isFree || before.until <= this.#now() + this.#slackMs;
      const mayRepeat = isOver || !isTransient;
      must(mayRepeat, 'a message that is not persistent is never pushed twice', messageId, before.who, who);
      const isExcused = isOver || isStray || before.isDoubtful || before.takeovers < takeovers;
      must(isExcused, 'a message is with one consumer at a time', messageId, before.who, who);
    }
    // Two masters gave it to one consumer: what that says to the first holds for the second.
    const isDoubtful = before?.who === who && before.isFree;
    const isFree = isAuto && !isTransient;
    this.#holdings.set(name, { who, connection, until, takeovers, isFree, isDoubtful });
    const mine = [...(this.#byHolder.get(who) ?? []), name];
    this.#byHolder.set(who, mine);
    return mine.length;
  }

  letGo(name: string): void {
    const holding = this.#holdings.get(name);
    if (holding) holding.isFree = true;
  }

  /** Lets go of what this one holds. @returns whether it held it */
  letGoOf(who: string, name: string): boolean {
    const holding = this.#holdings.get(name);
    if (holding?.who !== who) return false;
    holding.isFree = true;
    return true;
  }

  /** What this one got first, in that order: so many deliveries. */
  upTo(who: string, deliveries: number): readonly string[] {
    return (this.#byHolder.get(who) ?? []).slice(0, deliveries);
  }

  /** A connection is gone, and with it all that was in its hands. */
  released(who: string): void {
    for (const name of this.#byHolder.get(who) ?? []) this.letGoOf(who, name);
  }

  doubted(connection: string): void {
    for (const holding of this.#holdings.values()) if (holding.connection === connection) holding.isDoubtful = true;
  }

  recalled(name: string): void {
    const holding = this.#holdings.get(name);
    if (holding) holding.isDoubtful = true;
  }

  takenOver(queue: string): void {
    this.#takeovers.set(queue, (this.#takeovers.get(queue) ?? 0) + 1);
  }
}
