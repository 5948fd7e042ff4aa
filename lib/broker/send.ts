import { isUtf8 } from 'node:buffer';
import type { Destination } from '../model/destination.ts';
import { BrokerError } from '../model/errors.ts';
import type { Limits } from '../model/limits.ts';
import { expiryOf, isPersistent, type OutgoingMessage } from '../model/message.ts';
import type { Run } from '../shard/entry.ts';
import { blobOf, intoBatches } from './batches.ts';
import { append, type Identified } from './inbox.ts';
import { leadLater } from './lead.ts';
import type { Broker } from './parts.ts';
import { recordQueue } from './queues.ts';
import { shardAt } from './shards.ts';

/**
 * Sends messages to a queue or a topic: when it resolves, they are durable, in this order, all or none. Creates the
 * queue.
 * @returns their message ids
 * @throws BrokerError BODY_TOO_LARGE, before anything is written: a topic's message must fit a frame; OVERLOADED
 */
export async function send(
  broker: Broker,
  destination: Destination,
  messages: readonly OutgoingMessage[],
): Promise<string[]> {
  for (const message of messages) checkSize(broker, destination, message);
  const shard = shardAt(destination);
  const now = broker.clock.now();
  const batches = intoBatches(broker, messages);
  const blobs = batches.map((batch) => blobOf(broker, shard, batch, now));
  const requests = batches.map(({ key, part }): Identified => {
    return { id: key, request: { kind: 'send', key, runs: runsOf(part), born: Math.floor(now / 1000) } };
  });
  const { head, mastership } = await append(broker, shard, requests, { blobs, ring: true });
  if (!head.state && destination.kind === 'queue') await recordQueue(broker, destination.name);
  leadLater(broker, mastership);
  return batches.flatMap(({ key, part }) => part.map((_, i) => `${key}-${i}`));
}

function checkSize({ limits }: Broker, destination: Destination, message: OutgoingMessage): void {
  const { byteLength } = message.body;
  const most =
    destination.kind === 'topic' ? Math.min(limits.bodyBytes, roomInFrame(limits, message)) : limits.bodyBytes;
  if (byteLength <= most) return;
  throw new BrokerError('BODY_TOO_LARGE', `The body has ${byteLength} octets; a message here may have ${most}.`, {
    details: { bodyBytes: byteLength, bodyBytesMax: most },
  });
}

/** What the broker adds to a MESSAGE frame, at most: names of destinations and subscriptions, ids, a time. */
const ADDED_BYTES = 1024;

/** How large a body can be pushed: nobody can pull it from a topic. */
function roomInFrame(limits: Limits, { body, headers }: OutgoingMessage): number {
  let taken = ADDED_BYTES;
  // An escaped character takes twice its room.
  for (const name in headers) taken += 2 * (Buffer.byteLength(name) + Buffer.byteLength(headers[name] ?? '') + 1);
  const room = Math.max(0, limits.frameBytes - taken);
  return limits.textOnly && !isUtf8(body) ? Math.floor(room / 4) * 3 : room;
}

function runsOf(messages: readonly OutgoingMessage[]): Run[] {
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
