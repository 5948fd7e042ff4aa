import { deadLetterQueueOf } from '../../model/destination.ts';
import { asBrokerError, type BrokerError } from '../../model/errors.ts';
import { leastPushMs } from '../../model/limits.ts';
import type { Headers, OutgoingMessage } from '../../model/message.ts';
import { sourceName } from '../../shard/absorb/repeats.ts';
import type { Run } from '../../shard/codec/entry.ts';
import type { DeadLetter, Forward, ForwardOutcome } from '../../shard/plan/forwards.ts';
import type { Blob, Head } from '../../store/port.ts';
import type { Broker } from '../broker.ts';
import { blobOf, intoBatches, runsOf } from '../inbox/batches.ts';
import { append, becomeMaster, type Identified, leadLater } from '../requests.ts';
import { isTopic, queueOf, shardOf } from '../shards.ts';
import { hasListeners, unlocksWork } from '../takers.ts';
import { recordQueue } from '../verbs/queues.ts';

/**
 * Delivers messages to another shard: what gave up its deliveries goes to the queue's dead-letter queue, what a
 * transaction sent on to its target. It is tried once: the source keeps what was refused, and goes on with the rest. Each message is known there by its forward number,
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
  const target = forwarded.target ?? shardOf(deadLetterQueueOf(queueOf(shard)));
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
    broker.log('forward refused', { shard, target, waiting, heldUp: isFull }, error);
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
  forwarded: Forward,
): Promise<Prepared> {
  broker.quarantine.check(target, broker.clock.now());
  const queue = queueOf(shard);
  const now = broker.clock.now();
  const born = Math.floor(now / 1000);
  const isDead = forwarded.target === undefined;
  const source = sourceName(incarnation, isDead ? queue : shard, isDead ? 'dead letters' : 'onward');
  const numbers = forwarded.messages.map(({ number }) => number);
  const batches = intoBatches(broker, contentOf(forwarded, queue));
  const parts = batches.map((batch) => ({ batch, blob: blobOf(broker, target, batch, now) }));
  const requests = parts.map(({ batch: { key, part }, blob }): Identified => {
    const common = { kind: 'forward', key, source, numbers: numbers.splice(0, part.length), born } as const;
    const runs = isDead ? {} : unusual(runsOf(part));
    return { id: key, request: { ...common, sizeBytes: blob.bytes.byteLength, ...runs } };
  });
  return { requests, blobs: parts.map(({ blob }) => blob) };
}

function contentOf(forwarded: Forward, queue: string): readonly OutgoingMessage[] {
  if (forwarded.target !== undefined) return forwarded.messages.map(({ message }) => message);
  return forwarded.messages.map((letter) => ({ ...letter.message, headers: explain(letter, queue) }));
}

/** What is not said of them is that all are persistent, and none expires: so it is of dead letters. */
function unusual(runs: readonly Run[]): { readonly runs?: readonly Run[] } {
  return runs.some(({ transient, expires }) => transient || expires > 0) ? { runs } : {};
}

async function forwardTo(
  broker: Broker,
  target: string,
  { requests, blobs }: Prepared,
  forwarded: Forward,
): Promise<void> {
  const ring = await isWorthRinging(broker, target, forwarded);
  const options = { blobs, ring, retryMs: 0, attempt: forwarded.mayBeRepeat ? 2 : 1 };
  const { head, mastership } = await append(broker, target, requests, options);
  leadLater(broker, mastership);
  // It is taken, whatever fails from here on: the sweep makes up for that.
  broker.defer(() => followUp(broker, head, ring));
}

async function followUp(broker: Broker, head: Head, wasRung: boolean): Promise<void> {
  const { shard } = head;
  if (!head.state && !isTopic(shard)) await recordQueue(broker, queueOf(shard));
  // Somebody may have come meanwhile.
  if (!wasRung && unlocksWork(broker, head)) leadLater(broker, await becomeMaster(broker, shard, 0));
}

/**
 * Where nobody waits for what a transaction sends, a turn takes it in with what comes next, or with the next sweep. A dead
 * letter is somebody's alarm.
 */
async function isWorthRinging(broker: Broker, target: string, forwarded: Forward): Promise<boolean> {
  if (forwarded.target === undefined || isTopic(target)) return true;
  const head = await broker.store.readHead(target);
  return head !== undefined && hasListeners(broker, head);
}

/** Why the message lies in the dead-letter queue. An expiry does not follow it there. */
function explain({ message, key, index, failures, isRefused }: DeadLetter, queue: string): Headers {
  const { expires: _expires, ...headers } = message.headers;
  return {
    ...headers,
    'original-destination': `/queue/${queue}`,
    'original-message-id': `${key}-${index}`,
    'delivery-count': String(failures),
    'dead-letter-reason': isRefused ? 'rejected' : 'deliveries exhausted',
  };
}
