import type { Destination } from '../model/destination.ts';
import { expiryOf, isPersistent, type OutgoingMessage } from '../model/message.ts';
import type { Run } from '../shard/entry.ts';
import { blobOf, intoBatches } from './batches.ts';
import { append, type Identified } from './inbox.ts';
import { leadLater } from './lead.ts';
import { checkSize } from './message-size.ts';
import type { Broker } from './parts.ts';
import { recordQueue } from './queues.ts';
import { shardAt } from './shards.ts';

/**
 * Sends messages to a queue or a topic: when it resolves, they are durable, in this order, all or none. Creates the
 * queue.
 * @returns their message ids
 * @throws BrokerError BODY_TOO_LARGE, before anything is written; OVERLOADED
 */
export async function send(
  broker: Broker,
  destination: Destination,
  messages: readonly OutgoingMessage[],
): Promise<string[]> {
  for (const message of messages) checkSize(message, broker.limits);
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
