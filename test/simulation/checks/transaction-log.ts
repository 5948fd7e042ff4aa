import type { SentLog } from './sent-log.ts';
import { must } from './violation.ts';

type Named = { readonly queue: string; readonly messageId: string };

/** A transaction, as its client knows it. */
export type Asked = {
  readonly sends: readonly string[];
  readonly acknowledges: readonly Named[];
  outcome: 'committed' | 'aborted' | 'unknown';
};

/** What else happened. */
type Surroundings = {
  readonly sent: SentLog;
  readonly receipted: (ids: readonly string[]) => void;
  readonly acknowledging: (queue: string, messageId: string) => void;
  readonly letGo: (queue: string, messageId: string) => void;
  readonly totals: { committed: number; aborted: number };
};

/** What clients asked for in transactions, and what they saw of that: all of each, or nothing. */
export class TransactionLog {
  readonly #history: Surroundings;
  readonly #asked: Asked[] = [];
  readonly #bySend = new Map<string, Asked>();

  constructor(history: Surroundings) {
    this.#history = history;
    history.sent.transactions = this;
  }

  ask(sends: readonly string[], acknowledges: readonly Named[]): Asked {
    const asked: Asked = { sends, acknowledges, outcome: 'unknown' };
    this.#asked.push(asked);
    for (const id of sends) this.#bySend.set(id, asked);
    this.#history.sent.sending(sends);
    for (const { queue, messageId } of acknowledges) {
      this.#history.sent.mayBeEnded(queue, messageId);
      this.#history.letGo(queue, messageId);
    }
    return asked;
  }

  committed(asked: Asked): void {
    asked.outcome = 'committed';
    this.#history.totals.committed++;
    this.#history.receipted(asked.sends);
    for (const { queue, messageId } of asked.acknowledges) this.#history.acknowledging(queue, messageId);
  }

  aborted(asked: Asked): void {
    const arrived = asked.sends.filter((id) => this.#history.sent.hasArrived(id));
    must(arrived.length === 0, 'nothing of an aborted transaction happens', arrived);
    asked.outcome = 'aborted';
    this.#history.totals.aborted++;
  }

  /** Somebody gets a message. */
  delivered(id: string): void {
    const asked = this.#bySend.get(id);
    if (asked) must(asked.outcome !== 'aborted', 'nothing of an aborted transaction happens', id, asked);
  }

  /** Whether a message was acknowledged in a transaction of which something arrived. */
  isEnded(messageIds: ReadonlySet<string>): boolean {
    return this.#asked.some(
      ({ outcome, sends, acknowledges }) =>
        outcome === 'unknown' &&
        acknowledges.some(({ messageId }) => messageIds.has(messageId)) &&
        // One that sends nothing that surely arrives leaves no trace.
        (this.#sure(sends).length === 0 || sends.some((id) => this.#history.sent.hasArrived(id))),
    );
  }

  /** At rest: of one that nobody heard of, all arrived or nothing. */
  checkWhole(): void {
    for (const asked of this.#asked) {
      const sure = this.#sure(asked.sends);
      const arrived = sure.filter((id) => this.#history.sent.hasArrived(id));
      const isWhole =
        arrived.length === 0 ? asked.outcome !== 'committed' || sure.length === 0 : arrived.length === sure.length;
      must(isWhole, 'a transaction is all or nothing at rest', asked, arrived);
    }
  }

  #sure(sends: readonly string[]): readonly string[] {
    return sends.filter((id) => !this.#history.sent.isTransient(id));
  }
}
