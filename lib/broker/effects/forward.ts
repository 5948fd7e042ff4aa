import { deadLetterQueueOf } from '../../model/destination.ts';
import { asBrokerError, type BrokerError } from '../../model/errors.ts';
import { leastPushMs } from '../../model/limits.ts';
import type { Headers } from '../../model/message.ts';
import type { Forward, ForwardedMessage, ForwardOutcome } from '../../shard/plan/forwards.ts';
import type { Blob } from '../../store/port.ts';
import type { Broker } from '../broker.ts';
import { blobOf, intoBatches } from '../inbox/batches.ts';
import { append, type Identified, leadLater } from '../requests.ts';
import { queueOf, shardOf } from '../shards.ts';
import { recordQueue } from '../verbs/queues.ts';

/**
 * Delivers messages to another shard: what gave up its deliveries goes to the queue's dead-letter queue. It is tried
 * once: the source keeps what was refused, and goes on with the rest. Each message is known there by its forward number,
 * so that a repeat adds nothing; the incarnation tells it from one of a deleted queue of this name.
 * @returns `refused` where it was certainly not taken; `unknown` whatever else went wrong
 */
export async function forward(
  broker: Broker,
  shard: string,
  incarnation: string,
  forwarded: Forward,
  until: number,
): Promise<ForwardOutcome> {
  const target = deadLetterQueueOf(queueOf(shard));
  let outcome: ForwardOutcome = 'refused';
  try {
    const requests = await prepare(broker, target, shard, incarnation, forwarded);
    // This invocation may have stood still: what goes out late, its successor has forwarded, and the target may be another.
    if (broker.clock.now() + leastPushMs(broker.limits) > until) return 'refused';
    outcome = 'unknown';
    await forwardTo(broker, target, requests, forwarded);
    return 'taken';
  } catch (cause) {
    const error = asBrokerError(cause);
    const { waiting, isFull } = forwarded;
    broker.log('forward refused', { shard, target: shardOf(target), waiting, heldUp: isFull }, error);
    return wasNotWritten(error) ? 'refused' : outcome;
  }
}

/** A write that was throttled, or found the inbox full, did not happen. */
function wasNotWritten({ code }: BrokerError): boolean {
  return code === 'OVERLOADED';
}

type Prepared = { readonly requests: readonly Identified[]; readonly blobs: readonly Blob[] };

/** Everything before the target's shard is written to. */
async function prepare(
  broker: Broker,
  target: string,
  shard: string,
  incarnation: string,
  { messages }: Forward,
): Promise<Prepared> {
  broker.quarantine.check(shardOf(target), broker.clock.now());
  const queue = queueOf(shard);
  const now = broker.clock.now();
  const batches = intoBatches(
    broker,
    messages.map((forwarded) => ({ ...forwarded.message, headers: explain(forwarded, queue) })),
  );
  const left = messages.map(({ number }) => number);
  const parts = batches.map((batch) => ({ batch, blob: blobOf(broker, shardOf(target), batch, now) }));
  const requests = parts.map(({ batch: { key, part }, blob }): Identified => {
    const numbers = left.splice(0, part.length);
    const source = `${incarnation} ${queue} >`;
    const sizeBytes = blob.bytes.byteLength;
    return { id: key, request: { kind: 'forward', key, source, numbers, born: Math.floor(now / 1000), sizeBytes } };
  });
  await recordQueue(broker, target);
  return { requests, blobs: parts.map(({ blob }) => blob) };
}

async function forwardTo(
  broker: Broker,
  target: string,
  { requests, blobs }: Prepared,
  { mayBeRepeat }: Forward,
): Promise<void> {
  const options = { blobs, ring: true, retryMs: 0, attempt: mayBeRepeat ? 2 : 1 };
  const { mastership } = await append(broker, shardOf(target), requests, options);
  leadLater(broker, mastership);
}

/** Why the message lies in the dead-letter queue. An expiry does not follow it there. */
function explain({ message, key, index, failures }: ForwardedMessage, queue: string): Headers {
  const { expires: _expires, ...headers } = message.headers;
  return {
    ...headers,
    'original-destination': `/queue/${queue}`,
    'original-message-id': `${key}-${index}`,
    'delivery-count': String(failures),
    'dead-letter-reason': 'deliveries exhausted',
  };
}
