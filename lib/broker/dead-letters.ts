import { deadLetterQueueOf } from '../model/destination.ts';
import type { Headers } from '../model/message.ts';
import type { DeadLetter } from '../shard/plan.ts';
import { blobOf, intoBatches } from './batches.ts';
import { append, type Identified } from './inbox.ts';
import { leadLater } from './lead.ts';
import type { Broker } from './parts.ts';
import { recordQueue } from './queues.ts';
import { queueOf, shardOf } from './shards.ts';

/**
 * Forwards messages to the queue's dead-letter queue, before the commit that gives them up. Each is known there by
 * the number it had here, so that a master who repeats this adds nothing; the incarnation tells it from one of a
 * deleted queue of this name, whose numbers were the same.
 */
export async function forwardDeadLetters(
  broker: Broker,
  shard: string,
  incarnation: string,
  deadLetters: readonly DeadLetter[],
): Promise<void> {
  if (deadLetters.length === 0) return;
  const queue = queueOf(shard);
  const target = deadLetterQueueOf(queue);
  const now = broker.clock.now();
  const batches = intoBatches(
    broker,
    deadLetters.map((letter) => ({ ...letter.message, headers: explain(letter, queue) })),
  );
  const blobs = batches.map((batch) => blobOf(broker, shardOf(target), batch, now));
  const left = deadLetters.map((letter) => letter.sequence);
  const requests = batches.map(({ key, part }): Identified => {
    const numbers = left.splice(0, part.length);
    const source = `${incarnation} ${queue}`;
    return { id: key, request: { kind: 'forward', key, source, numbers, born: Math.floor(now / 1000) } };
  });
  await recordQueue(broker, target);
  const { mastership } = await append(broker, shardOf(target), requests, { blobs, ring: true });
  leadLater(broker, mastership);
}

/** Why the message lies in the dead-letter queue. An expiry does not follow it there. */
function explain(letter: DeadLetter, queue: string): Headers {
  const { expires: _expires, ...headers } = letter.message.headers;
  return {
    ...headers,
    'original-destination': `/queue/${queue}`,
    'original-message-id': `${letter.key}-${letter.index}`,
    'delivery-count': String(letter.failures),
    'dead-letter-reason': 'deliveries exhausted',
  };
}
