/** Headers in their order of arrival; a name occurs once. */
export type Headers = Readonly<Record<string, string>>;

/**
 * A message as its sender gave it. `headers` holds everything the sender set that travels with the message, standard
 * (`reply-to`, `correlation-id`, `priority`, `expires`, `type`, `persistent`, `content-type`) and custom alike.
 */
export type OutgoingMessage = {
  readonly body: Uint8Array;
  /** True if the sender meant text: a STOMP frame without `content-length`, a JSON string over REST. */
  readonly text: boolean;
  readonly headers: Headers;
};

/** A message as the broker keeps it. */
export type Message = OutgoingMessage & {
  /** When the broker took it, in milliseconds since the epoch. */
  readonly timestamp: number;
};

/** A message on its way to a consumer. */
export type Delivery = {
  readonly message: Message;
  /** The same over all redeliveries. */
  readonly messageId: string;
  /** The queue or the topic that it was sent to, e.g. `/queue/orders`. */
  readonly destination: string;
  /** Acknowledges, rejects or extends this delivery. */
  readonly token: string;
  /** True if some consumer may have had the message before. */
  readonly redelivered: boolean;
  /**
   * Deliveries of it that have ended without an acknowledgement and count towards dead-lettering, plus this one. From 1;
   * from 2 if it is redelivered. @see JMS 3.1 §3.5.11 JMSXDeliveryCount
   */
  readonly deliveryCount: number;
};

/** Persistent unless its sender said otherwise. @see ActiveMQ: STOMP, `persistent` */
export function isPersistent(headers: Headers): boolean {
  return headers.persistent !== 'false';
}

/** When the message expires, in milliseconds since the epoch; 0 if never. @see JMS 3.1 §3.4.9 */
export function expiryOf(headers: Headers): number {
  return Number(headers.expires ?? 0);
}

/** How a consumer acknowledges; `client` is cumulative. @see STOMP 1.2 SUBSCRIBE, "ack" */
export type AckMode = 'auto' | 'client' | 'client-individual';
