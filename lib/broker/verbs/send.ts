import type { Destination } from '../../model/destination.ts';
import type { OutgoingMessage } from '../../model/message.ts';
import { type Asking, ask } from '../asking.ts';
import type { Broker } from '../broker.ts';
import { blobOf, intoBatches, runsOf } from '../inbox/batches.ts';
import { checkSize } from '../inbox/message-size.ts';
import { type Identified, leadLater } from '../requests.ts';
import { shardAt } from '../shards.ts';
import { hasTakers } from '../takers.ts';
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
