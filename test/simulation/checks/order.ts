import type { Arrival } from './history.ts';
import type { Sent } from './sent-log.ts';
import { must } from './violation.ts';

/** In which order each consumer gets what nobody had before it. */
export class Order {
  /** By consumer, the latest message in the order of sending. */
  readonly #latest = new Map<string, number>();
  /** What went back without a delivery: its place in the order is lost. */
  readonly #displaced = new Set<string>();

  displace(queue: string, messageId: string): void {
    this.#displaced.add(`${queue} ${messageId}`);
  }

  /** What was receipted before another was sent comes before it. */
  check({ who, queue, messageId }: Arrival, sent: Sent): void {
    if (this.#displaced.has(`${queue} ${messageId}`)) return;
    const latest = this.#latest.get(who) ?? 0;
    const isFirst = sent.copies > 1 || latest < sent.receiptedAt;
    must(isFirst, 'a consumer gets messages in the order of their receipts', who, sent.id, latest);
    if (sent.copies === 1) this.#latest.set(who, Math.max(latest, sent.issuedAt));
  }
}
