/** The fields of a message that travel as headers of STOMP names. @see ActiveMQ: STOMP, "Standard headers" */
export const standardHeaders = {
  persistent: 'persistent',
  priority: 'priority',
  expires: 'expires',
  replyTo: 'reply-to',
  correlationId: 'correlation-id',
  contentType: 'content-type',
  type: 'type',
} as const;

/** A message's field that travels as a header. */
export type StandardField = keyof typeof standardHeaders;

/** The fields, in the order in which their headers are written. */
export const standardFields = Object.keys(standardHeaders) as readonly StandardField[];

/** By the name of its header, the field that is to be used for it. */
export const fieldOfHeader: ReadonlyMap<string, StandardField> = new Map(
  standardFields.map((field) => [standardHeaders[field], field]),
);
