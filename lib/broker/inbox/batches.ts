import { expiryOf, isPersistent, type OutgoingMessage } from '../../model/message.ts';
import { messageBytes } from '../../model/message-bytes.ts';
import { encodeBatch } from '../../shard/codec/batch.ts';
import type { Run } from '../../shard/codec/entry.ts';
import type { Blob } from '../../store/port.ts';
import { ownBodies } from '../bodies/own-bodies.ts';
import type { Broker } from '../broker.ts';

/** Messages that are kept as one item, under a fresh key. */
export type Batch = { readonly key: string; readonly part: readonly OutgoingMessage[] };

/** Splits messages, in their order, into batches that fit an item of the store. */
export function intoBatches({ limits, random }: Broker, messages: readonly OutgoingMessage[]): Batch[] {
  const parts: OutgoingMessage[][] = [];
  let bytes = 0;
  for (const message of messages) {
    const size = messageBytes(message);
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

/** The item of a batch that was taken at `now`, by the broker's clock; it is kept at hand for the turn that follows. */
export function blobOf(broker: Broker, shard: string, { key, part }: Batch, now: number): Blob {
  const timestamp = broker.clock.date();
  const bytes = encodeBatch(part, timestamp);
  keepAtHand(broker, shard, { key, part }, timestamp, bytes.byteLength);
  return { key, bytes, expiresAt: Math.floor((now + broker.limits.retentionMs) / 1000) };
}

function keepAtHand(
  { bodies }: Broker,
  shard: string,
  { key, part }: Batch,
  timestamp: number,
  encodedBytes: number,
): void {
  const own = ownBodies(part);
  const batch = part.map((message, at) => ({ ...message, body: own.bodies[at] as Uint8Array, timestamp }));
  bodies.put(shard, key, { batch }, encodedBytes + own.heldBytes - own.bytes);
}

/** The messages of a batch as runs of one persistence. */
export function runsOf(messages: readonly OutgoingMessage[]): Run[] {
  const runs: Run[] = [];
  for (const { headers } of messages) {
    const transient = !isPersistent(headers);
    const expires = expiryOf(headers);
    const last = runs.at(-1);
    if (last?.transient === transient) {
      const earliest = last.expires === 0 || expires === 0 ? last.expires + expires : Math.min(last.expires, expires);
      runs[runs.length - 1] = { transient, count: last.count + 1, expires: earliest };
    } else {
      runs.push({ transient, count: 1, expires });
    }
  }
  return runs;
}
