import type { Message, OutgoingMessage } from '../../model/message.ts';
import { pack, unpackVersioned } from './packing.ts';

const BATCH_VERSION = 1;

type PackedMessage = [body: Uint8Array, ...headers: string[]];

/**
 * The messages of one send request as one immutable item: a version, the time, and for each message its body and its
 * headers in a row. A text body's message ends without, a binary one's with, an empty name: no header has that.
 */
export function encodeBatch(messages: readonly OutgoingMessage[], timestamp: number): Uint8Array {
  return pack([BATCH_VERSION, timestamp, ...messages.map(packMessage)]);
}

function packMessage(message: OutgoingMessage): PackedMessage {
  const packed: PackedMessage = [message.body];
  for (const name in message.headers) packed.push(name, message.headers[name] ?? '');
  if (!message.text) packed.push('');
  return packed;
}

/** @throws BrokerError CORRUPT */
export function decodeBatch(key: string, bytes: Uint8Array): readonly Message[] {
  return unpackVersioned(`batch ${key}`, bytes, [BATCH_VERSION], (value) => {
    const [, timestamp, ...messages] = value as [number, number, ...PackedMessage[]];
    return messages.map((message) => unpackMessage(message, timestamp));
  });
}

function unpackMessage([body, ...rest]: PackedMessage, timestamp: number): Message {
  const headers: Record<string, string> = Object.create(null);
  const text = rest.length % 2 === 0;
  const end = text ? rest.length : rest.length - 1;
  for (let i = 0; i < end; i += 2) headers[rest[i] as string] = rest[i + 1] as string;
  return { body, text, headers, timestamp };
}
