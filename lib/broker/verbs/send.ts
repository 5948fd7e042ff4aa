import type { Destination } from '../../model/destination.ts';
import { expiryOf, isPersistent, type OutgoingMessage } from '../../model/message.ts';
import type { Run } from '../../shard/codec/entry.ts';
import type { Head } from '../../store/port.ts';
import { type Asking, ask } from '../asking.ts';
import type { Broker } from '../broker.ts';
import { blobOf, intoBatches } from '../inbox/batches.ts';
import { checkSize } from '../inbox/message-size.ts';
import { type Identified, leadLater } from '../requests.ts';
import { isTopic, shardAt, stateOfHead } from '../shards.ts';
import { recordQueue } from './queues.ts';

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
  return await ask(broker, askToSend(broker, destination, messages));
}

/**
 * What `send` asks of the shard.
 * @throws BrokerError BODY_TOO_LARGE
 */
export function askToSend(
  broker: Broker,
  destination: Destination,
  messages: readonly OutgoingMessage[],
): Asking<string[]> {
  for (const message of messages) checkSize(message, broker.limits);
  const shard = shardAt(destination);
  const now = broker.clock.now();
  const batches = intoBatches(broker, messages);
  const blobs = batches.map((batch) => blobOf(broker, shard, batch, now));
  const requests = batches.map(({ key, part }, i): Identified => {
    const sizeBytes = blobs[i]?.bytes.byteLength ?? 0;
    return { id: key, request: { kind: 'send', key, runs: runsOf(part), born: Math.floor(now / 1000), sizeBytes } };
  });
  return {
    ...{ shard, requests, blobs, ring: true, mustExist: false },
    async conclude(appended) {
      if (!appended?.head.state && destination.kind === 'queue') await recordQueue(broker, destination.name);
      if (appended && !hasTakers(broker, appended.head))
        broker.bodies.drop(
          shard,
          requests.map(({ id }) => id),
        );
      leadLater(broker, appended?.mastership);
      return batches.flatMap(({ key, part }) => part.map((_, i) => `${key}-${i}`));
    },
  };
}

/** Whether somebody is there who may be given what was sent soon. What waits for long is not kept in memory. */
function hasTakers({ lines }: Broker, head: Head): boolean {
  return isTopic(head.shard) || lines.has(head.shard) || hasConsumers(head);
}

/** That a state is damaged is for the turn to find: what was sent is durable. */
function hasConsumers(head: Head): boolean {
  try {
    return stateOfHead(head).consumers.length > 0;
  } catch {
    return false;
  }
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
