import type { AckMode } from '../model/message.ts';
import { pack, unpack } from '../shard/packing.ts';
import type { Broker } from './parts.ts';
import { unsubscribe } from './subscribe.ts';

/** A consumer of a connection, under the id that its client gave it. */
export type ConnectionSubscription = {
  readonly id: string;
  readonly consumer: string;
  readonly queue: string;
  readonly ack: AckMode;
};

/** What is known of a connection between its frames. */
export type Connection = {
  /** The STOMP version that was agreed on; empty until CONNECT. */
  readonly version: string;
  readonly subscriptions: readonly ConnectionSubscription[];
};

const DAY_S = 24 * 60 * 60;

function keyOf(connection: string) {
  // A family each: a directory spreads by family.
  return { family: `connection ${connection}`, name: 'session' };
}

/** The connection, or undefined if it is not open. */
export async function readConnection({ store }: Broker, connection: string): Promise<Connection | undefined> {
  const bytes = await store.getRecord(keyOf(connection));
  if (!bytes) return undefined;
  return unpack('connection record', bytes, (value) => {
    const [version, subscriptions] = value as [string, [string, string, string, AckMode][]];
    return {
      version,
      subscriptions: subscriptions.map(([id, consumer, queue, ack]) => ({ id, consumer, queue, ack })),
    };
  });
}

export async function writeConnection(broker: Broker, connection: string, record: Connection): Promise<void> {
  const subscriptions = record.subscriptions.map(({ id, consumer, queue, ack }) => [id, consumer, queue, ack]);
  const expiresAt = Math.floor(broker.clock.now() / 1000) + DAY_S;
  await broker.store.putRecord(keyOf(connection), pack([record.version, subscriptions]), { expiresAt });
}

/** Forgets a connection and takes its consumers out of their queues. */
export async function closeConnection(
  broker: Broker,
  connection: string,
  reason: 'unsubscribed' | 'lost',
): Promise<void> {
  const record = await readConnection(broker, connection);
  if (!record) return;
  const byQueue = Map.groupBy(record.subscriptions, (subscription) => subscription.queue);
  await Promise.all(
    [...byQueue].map(([queue, mine]) =>
      unsubscribe(
        broker,
        queue,
        mine.map((subscription) => subscription.consumer),
        reason,
      ),
    ),
  );
  await broker.store.deleteRecord(keyOf(connection));
}
