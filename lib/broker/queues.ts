import { BrokerError } from '../model/errors.ts';
import type { Counts } from '../shard/state.ts';
import { oldestSince } from '../shard/wake-up.ts';
import type { Head } from '../store/port.ts';
import { appendIfThere, type Mastership } from './inbox.ts';
import { lead, leadLater } from './lead.ts';
import type { Broker } from './parts.ts';
import { shardOf, viewHead } from './shards.ts';

/** A queue as it stands. */
export type QueueInfo = {
  /** Without a prefix. */
  readonly name: string;
  /** Messages that are ready. */
  readonly depth: number;
  /** Messages with a consumer, unacknowledged. */
  readonly inFlight: number;
  readonly consumers: number;
  /** How long ago the oldest message came that is not consumed yet, in seconds; 0 if there is none. */
  readonly oldestAgeSeconds: number;
  /** What became of all that was ever sent to it, up to the last turn. */
  readonly counts: Counts;
  /** True if what is stored of it cannot be read: its figures are unknown, and given as 0. */
  readonly damaged?: boolean | undefined;
};

const family = 'queue';

/** How often a deletion tries again when others use the queue meanwhile. */
const DELETE_TRIES = 5;

/** Puts a queue into the directory, where listings find it. */
export async function recordQueue(broker: Broker, name: string): Promise<void> {
  await broker.store.putRecord({ family, name }, new Uint8Array(), { expected: null });
}

export async function isRecorded(broker: Broker, name: string): Promise<boolean> {
  return (await broker.store.getRecord({ family, name })) !== undefined;
}

/** Creates a queue; one that exists stays as it is. Sending and subscribing create queues, too. */
export async function createQueue(broker: Broker, name: string): Promise<QueueInfo> {
  await recordQueue(broker, name);
  return infoOf(broker, name, await broker.store.readHead(shardOf(name)));
}

/** @throws BrokerError NOT_FOUND */
export async function describeQueue(broker: Broker, name: string): Promise<QueueInfo> {
  const head = await broker.store.readHead(shardOf(name));
  if (!head && !(await isRecorded(broker, name))) throw notFound(name);
  return infoOf(broker, name, head);
}

/** Queues in the order of their names, after the name `after`; at most `limit`. */
export async function listQueues(broker: Broker, after: string, limit: number): Promise<QueueInfo[]> {
  const records = await broker.store.listRecords(family, after, limit);
  return await Promise.all(
    records.map(async ({ name }) => {
      try {
        return infoOf(broker, name, await broker.store.readHead(shardOf(name)));
      } catch (error) {
        // One damaged queue does not hide the others.
        if (error instanceof BrokerError && error.code === 'CORRUPT') return { ...nothingIn(name), damaged: true };
        throw error;
      }
    }),
  );
}

function nothingIn(name: string): QueueInfo {
  const counts = { sent: 0, acknowledged: 0, deadLettered: 0, expired: 0, purged: 0, dropped: 0 };
  return { name, depth: 0, inFlight: 0, consumers: 0, oldestAgeSeconds: 0, counts };
}

function infoOf(broker: Broker, name: string, head: Head | undefined): QueueInfo {
  if (!head) return nothingIn(name);
  const { ready, inFlight, consumers, draft } = viewHead(broker, head);
  const since = ready + inFlight > 0 ? oldestSince(draft) : undefined;
  const oldestAgeSeconds = since === undefined ? 0 : Math.max(0, Math.floor(broker.clock.now() / 1000) - since);
  return { name, depth: ready, inFlight, consumers, oldestAgeSeconds, counts: draft.counts };
}

/** Drops all ready messages; those in flight stay with their consumers. @returns how many were ready */
export async function purgeQueue(broker: Broker, name: string): Promise<number> {
  const head = await broker.store.readHead(shardOf(name));
  if (!head) {
    if (await isRecorded(broker, name)) return 0;
    throw notFound(name);
  }
  const { ready } = viewHead(broker, head);
  const mastership = await appendPurge(broker, name);
  leadLater(broker, mastership);
  return ready;
}

async function appendPurge(broker: Broker, name: string): Promise<Mastership | undefined> {
  const purge = { id: broker.random.id(), request: { kind: 'purge' } } as const;
  return (await appendIfThere(broker, shardOf(name), [purge], { ring: true }))?.mastership;
}

/**
 * Deletes a queue with all its messages.
 * @throws BrokerError NOT_FOUND; QUEUE_IN_USE while it has consumers, or when others keep using it
 */
export async function deleteQueue(broker: Broker, name: string): Promise<void> {
  const { consumers } = await describeQueue(broker, name);
  if (consumers > 0) throw inUse(name, `it has ${consumers} consumers`);
  for (let tries = 0; tries < DELETE_TRIES; tries++) {
    const mastership = await appendPurge(broker, name);
    if (mastership) await lead(broker, mastership);
    const head = await broker.store.readHead(shardOf(name));
    if (head && viewHead(broker, head).consumers > 0) break;
    if (!head || (await broker.store.removeHead(shardOf(name), head.rings))) {
      await broker.store.deleteRecord({ family, name });
      return;
    }
  }
  throw inUse(name, 'it is being used');
}

function notFound(name: string): BrokerError {
  return new BrokerError('NOT_FOUND', `There is no queue /queue/${name}.`);
}

function inUse(name: string, why: string): BrokerError {
  return new BrokerError('QUEUE_IN_USE', `/queue/${name} cannot be deleted: ${why}.`);
}
