import { expiryOf, isPersistent, type OutgoingMessage } from '../model/message.ts';
import type { Run } from '../shard/entry.ts';
import { blobOf, intoBatches } from './batches.ts';
import { append, type Identified } from './inbox.ts';
import { leadLater } from './lead.ts';
import { checkSize } from './message-size.ts';
import type { Broker } from './parts.ts';
import { recordQueue } from './queues.ts';
import { shardOf } from './shards.ts';

/**
 * Sends messages to a queue: when it resolves, they are durable, in this order, all or none. Creates the queue.
 * @returns their message ids
 * @throws BrokerError BODY_TOO_LARGE, before anything is written; OVERLOADED
 */
export async function send(broker: Broker, queue: string, messages: readonly OutgoingMessage[]): Promise<string[]> {
  for (const message of messages) checkSize(message, broker.limits);
  const now = broker.clock.now();
  const batches = intoBatches(broker, messages);
  const blobs = batches.map((batch) => blobOf(broker, shardOf(queue), batch, now));
  const requests = batches.map(({ key, part }): Identified => {
    return { id: key, request: { kind: 'send', key, runs: runsOf(part), born: Math.floor(now / 1000) } };
  });
  const { head, mastership } = await append(broker, shardOf(queue), requests, { blobs, ring: true });
  if (!head.state) await recordQueue(broker, queue);
  leadLater(broker, mastership);
  return batches.flatMap(({ key, part }) => part.map((_, i) => `${key}-${i}`));
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
