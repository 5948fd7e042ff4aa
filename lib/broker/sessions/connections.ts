import { type Principal, readPrincipal, writePrincipal } from '../../access/principal.ts';
import { type Destination, formatDestination, readDestination } from '../../model/destination.ts';
import { BrokerError } from '../../model/errors.ts';
import type { AckMode } from '../../model/message.ts';
import type { LeaveReason } from '../../shard/codec/entry.ts';
import { pack, unpack } from '../../shard/codec/packing.ts';
import type { Broker } from '../broker.ts';
import { unsubscribe } from '../verbs/subscribe.ts';
import { forgetSession } from './sessions.ts';

/** A consumer of a connection, under the id that its client gave it. */
export type ConnectionSubscription = {
  readonly id: string;
  readonly consumer: string;
  readonly destination: Destination;
  readonly ack: AckMode;
  /** It is shown what its queue holds, which does not know of it. */
  readonly browses?: boolean | undefined;
};

/** An UNSUBSCRIBE of the last half minute, where order is not kept. */
export type RecentUnsubscribe = {
  readonly id: string;
  /** When it came, in milliseconds since the epoch. */
  readonly at: number;
};

/** What is known of a connection between its frames. */
export type Connection = {
  /** The STOMP version that was agreed on; empty until CONNECT. */
  readonly version: string;
  readonly subscriptions: readonly ConnectionSubscription[];
  /** Who is on the other side; undefined until that is known, and where everybody may do everything. */
  readonly principal?: Principal | undefined;
  /** Those that came before their SUBSCRIBE, which has still to come. Default: there was none lately. */
  readonly early?: readonly RecentUnsubscribe[] | undefined;
  /** Those that ended a subscription. Default: there was none lately. */
  readonly ended?: readonly RecentUnsubscribe[] | undefined;
  /** It is over. What is left of it is for whoever takes its consumers out, and for its last frames. */
  readonly isOver?: boolean | undefined;
};

const DAY_S = 24 * 60 * 60;

function keyOf(connection: string) {
  // A family each: a directory spreads by family.
  return { family: `connection ${connection}`, name: 'session' };
}

/** The connection, or undefined if it is not open. */
export async function readConnection(broker: Broker, connection: string): Promise<Connection | undefined> {
  const record = await readSender(broker, connection);
  return record?.isOver ? undefined : record;
}

/**
 * The connection to which a frame belongs that is handled now. In the cloud one that was sent before a DISCONNECT may
 * be handled after it: it finds the session as it was.
 */
export async function readSender({ store }: Broker, connection: string): Promise<Connection | undefined> {
  const bytes = await store.getRecord(keyOf(connection));
  return bytes && decode(bytes);
}

function decode(bytes: Uint8Array): Connection {
  return unpack('connection record', bytes, (value) => {
    const [version, subscriptions, principal, isOver, early = [], ended = []] = value as PackedConnection;
    return {
      version,
      ...(principal ? { principal: readPrincipal(principal) } : {}),
      ...(isOver ? { isOver } : {}),
      ...(early.length > 0 && { early: early.map(([id, at]) => ({ id, at })) }),
      ...(ended.length > 0 && { ended: ended.map(([id, at]) => ({ id, at })) }),
      subscriptions: subscriptions.map(([id, consumer, destination, ack, browses]) => {
        return { id, consumer, destination: readDestination(destination), ack, ...(browses ? { browses } : {}) };
      }),
    };
  });
}

type PackedConnection = [
  version: string,
  subscriptions: Packed[],
  principal?: string,
  isOver?: boolean,
  early?: [id: string, at: number][],
  ended?: [id: string, at: number][],
];
type Packed = [id: string, consumer: string, destination: string, ack: AckMode, browses?: boolean];

function encode({ version, subscriptions, principal, isOver, early = [], ended = [] }: Connection): Uint8Array {
  const packed = subscriptions.map(({ id, consumer, destination, ack, browses }): Packed => {
    const common = [id, consumer, formatDestination(destination), ack] as const;
    return browses ? [...common, true] : [...common];
  });
  const isPlain = early.length === 0 && ended.length === 0;
  if (!principal && !isOver && isPlain) return pack([version, packed]);
  const all = [version, packed, principal ? writePrincipal(principal) : '', isOver ?? false];
  const pairs = (some: readonly RecentUnsubscribe[]) => some.map(({ id, at }) => [id, at]);
  if (isPlain) return pack(all);
  return pack(ended.length === 0 ? [...all, pairs(early)] : [...all, pairs(early), pairs(ended)]);
}

export async function writeConnection(broker: Broker, connection: string, record: Connection): Promise<void> {
  await broker.store.putRecord(keyOf(connection), encode(record), { expiresAt: expiryFrom(broker) });
}

function expiryFrom({ clock }: Broker): number {
  return Math.floor(clock.now() / 1000) + DAY_S;
}

/**
 * Changes what is known of a connection. Its frames may be handled side by side: a change that another one overtook is
 * made again, to what that one left.
 * @throws BrokerError NOT_CONNECTED if the connection is gone, which nothing brings back; what `change` throws
 */
export async function changeConnection(
  broker: Broker,
  connection: string,
  change: (record: Connection) => Connection,
): Promise<Connection> {
  const changed = await changeRecord(broker, connection, (record) => (record.isOver ? undefined : change(record)));
  if (changed) return changed;
  throw new BrokerError('NOT_CONNECTED', 'This connection is closed.');
}

/** @returns undefined if there is no such record, or `change` gave none */
async function changeRecord(
  broker: Broker,
  connection: string,
  change: (record: Connection) => Connection | undefined,
): Promise<Connection | undefined> {
  const key = keyOf(connection);
  let expected = await broker.store.getRecord(key);
  while (expected) {
    const changed = change(decode(expected));
    if (!changed) return undefined;
    const outcome = await broker.store.putRecord(key, encode(changed), { expected, expiresAt: expiryFrom(broker) });
    if (outcome.kind === 'stored') return changed;
    expected = outcome.current;
  }
  return undefined;
}

/** Ends a connection and its session, and takes its consumers out of their queues and topics. */
export async function closeConnection(broker: Broker, connection: string, reason: LeaveReason): Promise<void> {
  const record = await dropConnection(broker, connection, reason);
  if (record?.principal) await forgetSession(broker, connection, record.principal);
}

/**
 * The same, but that its session is still to be found, until whoever ends it has done so. It is over before its
 * consumers go: none that is subscribed meanwhile is overlooked, since whoever does that looks for the connection again.
 * @returns what was known of the connection; undefined if it is not open, and its consumers are gone
 */
export async function dropConnection(
  broker: Broker,
  connection: string,
  reason: LeaveReason,
): Promise<Connection | undefined> {
  const record = await changeRecord(broker, connection, (record) =>
    record.isOver && record.subscriptions.length === 0 ? undefined : { ...record, isOver: true },
  );
  if (!record || record.subscriptions.length === 0) return record;
  const consumers = record.subscriptions.filter(({ browses }) => !browses);
  const byDestination = Map.groupBy(consumers, ({ destination }) => formatDestination(destination));
  await Promise.all(
    [...byDestination].map(([destination, mine]) =>
      unsubscribe(
        broker,
        readDestination(destination),
        mine.map((subscription) => subscription.consumer),
        reason,
      ),
    ),
  );
  await writeConnection(broker, connection, { ...record, subscriptions: [] });
  return record;
}
