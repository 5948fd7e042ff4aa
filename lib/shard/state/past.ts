/** What became of a message so far: it goes with it wherever it goes within its shard. */
export type Past = {
  /** Which delivery of the message this is, or was the last, from 1; 0 if there was none. */
  readonly attempt: number;
  /** How many deliveries ended in a way that counts. */
  readonly failures: number;
  readonly transient: boolean;
  readonly redelivered: boolean;
  readonly unanswered?: Unanswered;
};

/**
 * Where a delivery ended although its consumer is there, may have had it, and answered nothing: the message may be
 * given to that consumer a second time. What a consumer then says of it by message id may be said of either delivery.
 * @see STOMP 1.1 ACK
 */
export type Unanswered = {
  /** The consumer's `number`; `SEVERAL` if that is true of more than one. */
  readonly consumer: number;
  /**
   * Tells which of the consumer's deliveries came before which: of two posts, the later one has the higher number. It is
   * negative for a post of which nobody knows whether it arrived, and for a delivery that was rejected.
   */
  readonly order: number;
};

/** It alone, of what has one. */
export function pastOf({ attempt, failures, transient, redelivered, unanswered }: Past): Past {
  return { attempt, failures, transient, redelivered, ...(unanswered ? { unanswered } : {}) };
}

export function haveOnePast(a: Past, b: Past): boolean {
  return (
    a.attempt === b.attempt &&
    a.failures === b.failures &&
    a.transient === b.transient &&
    a.redelivered === b.redelivered &&
    a.unanswered?.consumer === b.unanswered?.consumer &&
    a.unanswered?.order === b.unanswered?.order
  );
}
