import { BrokerError } from '../model/errors.ts';
import type { Counts } from '../shard/state.ts';
import { oldestSince } from '../shard/wake-up.ts';
import type { DirectoryRecord, Head } from '../store/port.ts';
import { appendIfThere, backOff, becomeMaster } from './inbox.ts';
import { lead, leadLater } from './lead.ts';
import type { Broker } from './parts.ts';
import { shardOf, viewHead } from './shards.ts';
import { probeConsumers } from './upkeep.ts';

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

/** How many names are read at a time where some are left out. */
const NAMES_AT_ONCE = 1000;

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

/**
 * Queues in the order of their names, after the name `after`; at most `limit`.
 * @param isShown leaves others out. Default: all are shown
 */
export async function listQueues(
  broker: Broker,
  after: string,
  limit: number,
  isShown?: (name: string) => boolean,
): Promise<QueueInfo[]> {
  const names = await namesOf(broker, after, limit, isShown);
  return await Promise.all(
    names.map(async (name) => {
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

async function namesOf(
  { store }: Broker,
  after: string,
  limit: number,
  isShown: ((name: string) => boolean) | undefined,
): Promise<string[]> {
  const names: string[] = [];
  // Of many names few may be shown: a short list does not take a read for each of the others.
  const pageSize = isShown ? NAMES_AT_ONCE : limit;
  for (let from: string | undefined = after; from !== undefined; ) {
    const page: readonly DirectoryRecord[] = await store.listRecords(family, from, pageSize);
    names.push(...page.map(({ name }) => name).filter(isShown ?? (() => true)));
    if (names.length >= limit) return names.slice(0, limit);
    from = page.length === pageSize ? page.at(-1)?.name : undefined;
  }
  return names;
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
  const purge = { id: broker.random.id(), request: { kind: 'purge' } } as const;
  const appended = await appendIfThere(broker, shardOf(name), [purge], { ring: true });
  leadLater(broker, appended?.mastership);
  return ready;
}

/**
 * Deletes a queue with all its messages, or refuses and changes nothing.
 * @throws BrokerError NOT_FOUND; QUEUE_IN_USE while it has consumers, or when others keep using it
 */
export async function deleteQueue(broker: Broker, name: string): Promise<void> {
  await describeQueue(broker, name);
  for (let tries = 0; tries < DELETE_TRIES; tries++) {
    if (await removeShard(broker, name)) {
      await broker.store.deleteRecord({ family, name });
      return;
    }
    await backOff(broker, tries);
  }
  throw inUse(name, 'it is being used');
}

/** False if others use it just now. @throws BrokerError QUEUE_IN_USE if somebody consumes from it */
async function removeShard(broker: Broker, name: string): Promise<boolean> {
  const shard = shardOf(name);
  const head = await broker.store.readHead(shard);
  if (!head) return true;
  const { consumers, draft } = viewHead(broker, head);
  if (consumers > 0) {
    // Those that are gone unnoticed use nothing.
    if ((await probeConsumers(broker, shard, draft.consumers)) > 0) return false;
    throw inUse(name, `it has ${consumers} consumers`);
  }
  if (!head.lease && head.inbox.length === 0) {
    const bodies = [...draft.held, ...draft.references].map(({ key }) => key);
    return await broker.store.removeHead(shard, head.rings, bodies);
  }
  // What waits in the inbox comes first.
  const mastership = await becomeMaster(broker, shard);
  if (mastership) await lead(broker, mastership);
  return false;
}

function notFound(name: string): BrokerError {
  return new BrokerError('NOT_FOUND', `There is no queue /queue/${name}.`);
}

function inUse(name: string, why: string): BrokerError {
  return new BrokerError('QUEUE_IN_USE', `/queue/${name} cannot be deleted: ${why}.`);
}
