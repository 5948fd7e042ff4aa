import { isUtf8 } from 'node:buffer';
import type { Browsed } from '../broker/verbs/browse.ts';
import { readDestination } from '../model/destination.ts';
import type { Delivery, Message } from '../model/message.ts';
import type { BrowsedMessage, ReceivedMessage, SentMessage } from './message-schema.ts';
import { fieldOfHeader, type StandardField } from './standard-headers.ts';

type Content = Omit<SentMessage, 'headers' | 'timeToLiveMs'> & Pick<ReceivedMessage, 'text' | 'headers' | 'timestamp'>;

/** A delivery as its receiver sees it. */
export function receivedOf({ message, ...delivery }: Delivery): ReceivedMessage {
  const { messageId, token, destination, redelivered, deliveryCount } = delivery;
  const queue = readDestination(destination).name;
  return { messageId, token, queue, redelivered, deliveryCount, ...contentOf(message) };
}

/** A message as a browse shows it. */
export function browsedOf({ message, ...browsed }: Browsed): BrowsedMessage {
  const { messageId, sequence, inFlight, redelivered } = browsed;
  return { messageId, sequence, inFlight, redelivered, ...contentOf(message) };
}

/** Its octets decide whether a body is shown as text: what was sent as octets may well be UTF-8. */
function contentOf({ body, text, headers, timestamp }: Message): Content {
  const octets = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const shown = isUtf8(octets)
    ? { body: octets.toString('utf8') }
    : { body: octets.toString('base64'), contentEncoding: 'base64' as const };
  // Without a prototype: a STOMP client may name a header __proto__.
  const custom: Record<string, string> = Object.create(null);
  const standard: Partial<Record<StandardField, string | number | boolean>> = {};
  for (const [name, value] of Object.entries(headers)) {
    const field = fieldOfHeader.get(name);
    if (field === undefined) custom[name] = value;
    else if (field === 'persistent') standard[field] = value !== 'false';
    else standard[field] = field === 'priority' || field === 'expires' ? Number(value) : value;
  }
  return { ...shown, text, headers: custom, timestamp, ...(standard as Pick<SentMessage, StandardField>) };
}
