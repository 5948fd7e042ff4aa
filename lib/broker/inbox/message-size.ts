import { isUtf8 } from 'node:buffer';
import { BrokerError } from '../../model/errors.ts';
import type { Limits } from '../../model/limits.ts';
import type { OutgoingMessage } from '../../model/message.ts';

/**
 * What is taken can be delivered: a message that fits no post to a connection is refused before anything is written.
 * @throws BrokerError BODY_TOO_LARGE
 */
export function checkSize(message: OutgoingMessage, limits: Limits): void {
  const { bodyBytes, deliveryBytes } = limits;
  const size = message.body.byteLength;
  if (size > bodyBytes) {
    const details = { bodyBytes: size, bodyBytesMax: bodyBytes };
    throw tooLarge(`The body has ${size} octets; a message may have ${bodyBytes}.`, details);
  }
  const delivered = deliveredBytes(message, limits);
  if (delivered <= deliveryBytes) return;
  const details = { deliveryBytes: delivered, deliveryBytesMax: deliveryBytes };
  throw tooLarge(
    `With its headers, the message takes up to ${delivered} octets of a MESSAGE frame, which has ${deliveryBytes} for it.`,
    details,
  );
}

function tooLarge(message: string, details: Readonly<Record<string, number>>): BrokerError {
  return new BrokerError('BODY_TOO_LARGE', message, { details });
}

/** At most what a MESSAGE frame takes for it: a character has up to three octets, or two where it is escaped. */
function deliveredBytes({ body, headers }: OutgoingMessage, { textOnly }: Limits): number {
  let bytes = textOnly && !isUtf8(body) ? 4 * Math.ceil(body.byteLength / 3) : body.byteLength;
  for (const name in headers) bytes += 3 * (name.length + (headers[name] ?? '').length) + 2;
  return bytes;
}
