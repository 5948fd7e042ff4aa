import { type Principal, readPrincipal, writePrincipal } from '../access/principal.ts';
import { type Destination, formatDestination, readDestination } from '../model/destination.ts';
import { BrokerError } from '../model/errors.ts';
import type { AckMode } from '../model/message.ts';
import type { LeaveReason } from '../shard/entry.ts';
import { pack, unpack } from '../shard/packing.ts';
import type { Broker } from './parts.ts';
import { forgetSession } from './sessions.ts';
import { unsubscribe } from './subscribe.ts';

/** A consumer of a connection, under the id that its client gave it. */
export type ConnectionSubscription = {
  readonly id: string;
  readonly consumer: string;
  readonly destination: Destination;
  readonly ack: AckMode;
};

/** What is known of a connection between its frames. */
export type Connection = {
  /** The STOMP version that was agreed on; empty until CONNECT. */
  readonly version: string;
  readonly subscriptions: readonly ConnectionSubscription[];
  /** Who is on the other side; undefined until that is known, and where everybody may do everything. */
  readonly principal?: Principal | undefined;
};

const DAY_S = 24 * 60 * 60;
const HOUR_S = 60 * 60;

function keyOf(connection: string) {
  // A family each: a directory spreads by family.
  return { family: `connection ${connection}`, name: 'session' };
}

/** The connection, or undefined if it is not open. */
export async function readConnection({ store }: Broker, connection: string): Promise<Connection | undefined> {
  const bytes = await store.getRecord(keyOf(connection));
  return bytes && decode(bytes);
}

/** Where a connection that is over leaves what its last frames are read by. */
function traceOf(connection: string) {
  return { family: `connection ${connection}`, name: 'left' };
}

/**
 * The connection to which a frame belongs that is handled now. In the cloud one that was sent before a DISCONNECT may
 * be handled after it: it finds the session as it was, without subscriptions.
 */
export async function readSender(broker: Broker, connection: string): Promise<Connection | undefined> {
  const open = await readConnection(broker, connection);
  if (open) return open;
  const bytes = await broker.store.getRecord(traceOf(connection));
  return bytes && decode(bytes);
}

function decode(bytes: Uint8Array): Connection {
  return unpack('connection record', bytes, (value) => {
    const [version, subscriptions, principal] = value as [string, [string, string, string, AckMode][], string?];
    return {
      version,
      ...(principal === undefined ? {} : { principal: readPrincipal(principal) }),
      subscriptions: subscriptions.map(([id, consumer, destination, ack]) => {
        return { id, consumer, destination: readDestination(destination), ack };
      }),
    };
  });
}

function encode({ version, subscriptions, principal }: Connection): Uint8Array {
  const packed = subscriptions.map(({ id, consumer, destination, ack }) => {
    return [id, consumer, formatDestination(destination), ack];
  });
  return pack(principal ? [version, packed, writePrincipal(principal)] : [version, packed]);
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
  const key = keyOf(connection);
  let expected = await broker.store.getRecord(key);
  while (expected) {
    const changed = change(decode(expected));
    const outcome = await broker.store.putRecord(key, encode(changed), { expected, expiresAt: expiryFrom(broker) });
    if (outcome.kind === 'stored') return changed;
    expected = outcome.current;
  }
  throw new BrokerError('NOT_CONNECTED', 'This connection is closed.');
}

/** Forgets a connection and its session, and takes its consumers out of their queues and topics. */
export async function closeConnection(broker: Broker, connection: string, reason: LeaveReason): Promise<void> {
  const record = await dropConnection(broker, connection, reason);
  if (record?.principal) await forgetSession(broker, connection, record.principal);
}

/**
 * The same, but that its session is still to be found, until whoever ends it has done so.
 * @returns what was known of the connection; undefined if it is not open
 */
export async function dropConnection(
  broker: Broker,
  connection: string,
  reason: LeaveReason,
): Promise<Connection | undefined> {
  const record = await readConnection(broker, connection);
  if (!record) return undefined;
  const byDestination = Map.groupBy(record.subscriptions, ({ destination }) => formatDestination(destination));
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
  if (record.version !== '') await leaveTrace(broker, connection, record);
  await broker.store.deleteRecord(keyOf(connection));
  return record;
}

async function leaveTrace(broker: Broker, connection: string, record: Connection): Promise<void> {
  const expiresAt = Math.floor(broker.clock.now() / 1000) + HOUR_S;
  await broker.store.putRecord(traceOf(connection), encode({ ...record, subscriptions: [] }), { expiresAt });
}
