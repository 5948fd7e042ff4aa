/** Headers of a frame, or that the broker itself sets on a MESSAGE: no message brings them along. */
const own: ReadonlySet<string> = new Set([
  'destination',
  'receipt',
  'content-length',
  'transaction',
  'message-id',
  'subscription',
  'ack',
  'redelivered',
  'timestamp',
  'JMSXDeliveryCount',
  // At the end of a browse.
  'browser',
]);

/** Names as they mostly are. */
const plain = /^[!-9;-~]+$/;
/** What ends up as a space in a frame without escapes, and what clients trim. */
const blank = /[\s\0:]+/g;

/**
 * Whether a header of this name would be taken for the broker's own: by some clients in any version, and in 1.0, whose
 * names are trimmed, by all.
 * @see STOMP 1.2, "Value Encoding"; STOMP 1.0, which has no escapes
 */
export function isBrokersOwn(name: string): boolean {
  return own.has(plain.test(name) ? name : name.replaceAll(blank, ' ').trim());
}
