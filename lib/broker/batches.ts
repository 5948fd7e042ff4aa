import type { OutgoingMessage } from '../model/message.ts';
import { encodeBatch } from '../shard/batch.ts';
import type { Blob } from '../store/port.ts';
import type { Broker } from './parts.ts';

/** Messages that are kept as one item, under a fresh key. */
export type Batch = { readonly key: string; readonly part: readonly OutgoingMessage[] };

/** Splits messages, in their order, into batches that fit an item of the store. */
export function intoBatches({ limits, random }: Broker, messages: readonly OutgoingMessage[]): Batch[] {
  const parts: OutgoingMessage[][] = [];
  let bytes = 0;
  for (const message of messages) {
    const size = sizeOf(message);
    const last = parts.at(-1);
    if (last && last.length < limits.batchCount && bytes + size <= limits.batchBytes) {
      last.push(message);
      bytes += size;
    } else {
      parts.push([message]);
      bytes = size;
    }
  }
  return parts.map((part) => ({ key: random.id(), part }));
}

/** At most what the message takes in its item: a character has up to three octets. */
function sizeOf(message: OutgoingMessage): number {
  let bytes = message.body.byteLength;
  for (const name in message.headers) bytes += 3 * (name.length + (message.headers[name] ?? '').length) + 6;
  return bytes;
}

/** The item of a batch that was taken at `now`; it is kept at hand for the turn that follows. */
export function blobOf({ bodies, limits }: Broker, shard: string, { key, part }: Batch, now: number): Blob {
  const bytes = encodeBatch(part, now);
  const batch = part.map((message) => ({ ...message, timestamp: now }));
  bodies.put(shard, key, { batch, bytes: bytes.byteLength });
  return { key, bytes, expiresAt: Math.floor((now + limits.retentionMs) / 1000) };
}
