import type { Headers } from '../../../lib/model/message.ts';
import { must } from './violation.ts';

/** A message as its sender knows it. */
export type Sent = {
  readonly id: string;
  readonly queue: string;
  readonly isTransient: boolean;
  /** Milliseconds since the epoch; 0 if never. */
  readonly expires: number;
  /** How often it was handed to the broker: each may make one. */
  copies: number;
  /** Places in the order of all that clients did; 0 and infinite if it did not come to that. */
  issuedAt: number;
  receiptedAt: number;
  readonly messageIds: Set<string>;
  /** Somebody got it as a dead letter. */
  isDeadLettered: boolean;
  /** Somebody acknowledged it, or took it with automatic acknowledgement. */
  isEnded: boolean;
  /** Its queue was purged or deleted when it may have been in it. */
  isPurged: boolean;
};

/** All that was ever sent, and who had the last word on it. */
export class SentLog {
  readonly #now: () => number;
  readonly #sent = new Map<string, Sent>();
  readonly #acknowledged = new Set<string>();
  /** Requests that are emptying each queue. */
  readonly #emptying = new Map<string, number>();
  #order = 0;
  /** What transactions may have ended. */
  transactions: { readonly isEnded: (messageIds: ReadonlySet<string>) => boolean } | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  make(queue: string, messages: readonly { readonly id: string; readonly headers: Headers }[]): void {
    for (const { id, headers } of messages) {
      this.#sent.set(id, {
        id,
        queue,
        isTransient: headers.persistent === 'false',
        expires: Number(headers.expires ?? 0),
        copies: 0,
        issuedAt: 0,
        receiptedAt: Number.POSITIVE_INFINITY,
        messageIds: new Set(),
        isDeadLettered: false,
        isEnded: false,
        isPurged: false,
      });
    }
  }

  sending(ids: readonly string[]): void {
    for (const id of ids) {
      const sent = this.#sent.get(id);
      if (!sent) continue;
      sent.copies++;
      sent.issuedAt ||= ++this.#order;
    }
  }

  receipted(ids: readonly string[]): void {
    this.#order++;
    for (const id of ids) {
      const sent = this.#sent.get(id);
      if (sent) sent.receiptedAt = this.#order;
    }
  }

  /** The message that a delivery is of, if it may be. */
  recognise(queue: string, body: string, messageId: string): Sent {
    const sent = this.#sent.get(body);
    must(sent !== undefined && sent.copies > 0, 'what nobody sent is never delivered', body);
    const isDeadLetter = queue === `DLQ.${sent.queue}`;
    must(isDeadLetter || queue === sent.queue, 'a message stays in its queue', body, queue);
    if (isDeadLetter) sent.isDeadLettered = true;
    else sent.messageIds.add(messageId);
    must(sent.messageIds.size <= sent.copies, 'a message is sent once for each time that it was sent', body, messageId);
    return sent;
  }

  /** Whoever had it may acknowledge it, also when a later holder has it by now. */
  end(queue: string, messageId: string, body?: string): void {
    this.#acknowledged.add(`${queue} ${messageId}`);
    const named = body === undefined ? undefined : this.#sent.get(body);
    if (named) named.isEnded = true;
    else for (const sent of this.#sent.values()) if (sent.messageIds.has(messageId)) sent.isEnded = true;
  }

  /** Somebody asked for its end, and knows nothing of it yet. */
  mayBeEnded(queue: string, messageId: string): void {
    this.#acknowledged.add(`${queue} ${messageId}`);
  }

  /** Whether somebody had it, in its queue or, after deliveries that reached nobody, as a dead letter. */
  hasArrived(id: string): boolean {
    const sent = this.#sent.get(id);
    return sent !== undefined && (sent.messageIds.size > 0 || sent.isDeadLettered);
  }

  isTransient(id: string): boolean {
    return this.#sent.get(id)?.isTransient ?? false;
  }

  /** Whether clients did what lets a message end. */
  mayEnd(queue: string, messageId: string): boolean {
    return this.#acknowledged.has(`${queue} ${messageId}`);
  }

  /**
   * Until the request is over, messages of the queue may vanish; and what was sent before that for ever, unless it was
   * refused.
   */
  emptying(queue: string): { readonly isOver: (isRefused: boolean) => void } {
    const count = (by: number) => this.#emptying.set(queue, (this.#emptying.get(queue) ?? 0) + by);
    count(1);
    let isOpen = true;
    return {
      isOver: (isRefused) => {
        if (!isOpen) return;
        isOpen = false;
        count(-1);
        if (isRefused) return;
        for (const sent of this.#sent.values()) if (sent.queue === queue && sent.copies > 0) sent.isPurged = true;
      },
    };
  }

  #mayVanish({ isTransient, isPurged, expires, queue }: Sent): boolean {
    return isTransient || isPurged || (expires > 0 && expires <= this.#now()) || (this.#emptying.get(queue) ?? 0) > 0;
  }

  /** Messages with a receipt, that nobody had the last word on, and that may not vanish. */
  unended(): readonly Sent[] {
    return [...this.#sent.values()].filter(
      (sent) =>
        sent.receiptedAt < Number.POSITIVE_INFINITY &&
        !sent.isEnded &&
        !this.#mayVanish(sent) &&
        !this.transactions?.isEnded(sent.messageIds),
    );
  }
}
