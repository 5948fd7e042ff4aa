import { asBrokerError, BrokerError } from '../../model/errors.ts';
import type { Limits } from '../../model/limits.ts';
import { oldestSince } from '../../shard/conclude/wake-up.ts';
import { isFullOfOutgoing } from '../../shard/plan/window.ts';
import { type Draft, total } from '../../shard/state/draft.ts';
import type { Counts, State } from '../../shard/state/state.ts';
import { type DirectoryRecord, type Head, queueFamily } from '../../store/port.ts';
import type { Broker } from '../broker.ts';
import { probeConsumers } from '../effects/probes.ts';
import { backOff } from '../inbox/leases.ts';
import { damageOf } from '../quarantine.ts';
import { appendIfThere, becomeMaster, leadLater } from '../requests.ts';
import { shardOf, viewHead } from '../shards.ts';
import { lead } from '../turn/lead.ts';
import { type Loss, removeDamaged } from './delete-damaged.ts';

/** A queue as it stands. */
export type QueueInfo = {
  /** Without a prefix. */
  readonly name: string;
  /** Messages that are ready. Those that have expired are among them until they come to the front. */
  readonly depth: number;
  /** Messages with a consumer, unacknowledged, or on their way to the dead-letter queue. */
  readonly inFlight: number;
  /** Messages that were rejected for a while, and are ready again later. */
  readonly delayed: number;
  /** Those in flight that the dead-letter queue does not take now: they wait, and are tried again. */
  readonly deadLettersWaiting: number;
  /** Messages that transactions sent from here to other destinations, which have not taken them yet. */
  readonly sentOnWaiting: number;
  /**
   * True while nothing is delivered, since so many dead letters wait, or messages that are delayed: see `outgoingBytes`
   * and `inFlightPerShard` of the limits.
   */
  readonly heldUp?: boolean | undefined;
  /** Messages that nobody can deliver, since their bodies are missing from the store. A purge removes them. */
  readonly missing: number;
  readonly consumers: number;
  /** How long ago the oldest message came that is not consumed yet, in seconds; 0 if there is none. */
  readonly oldestAgeSeconds: number;
  /** What became of all that was ever sent to it, up to the last turn. */
  readonly counts: Counts;
  /** True if what is stored of it cannot be read: its figures are unknown, and given as 0. */
  readonly damaged?: boolean | undefined;
  /** True if it could not be read now, as where its table cannot be reached: the same of its figures. */
  readonly unavailable?: boolean | undefined;
};

const family = queueFamily;

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
  const names = await listQueueNames(broker, after, limit, isShown);
  const failures: { readonly shard: string; readonly error: BrokerError }[] = [];
  const infos = await Promise.all(
    names.map(async (name) => {
      const shard = shardOf(name);
      try {
        return infoOf(broker, name, await broker.store.readHead(shard));
      } catch (cause) {
        // One queue that cannot be read does not hide the others, nor do all of one group.
        const error = asBrokerError(cause);
        if (error.code === 'CORRUPT') return { ...nothingIn(name), damaged: true };
        failures.push({ shard, error });
        return { ...nothingIn(name), unavailable: true };
      }
    }),
  );
  const [first] = failures;
  if (first) broker.log('queues not read', { shard: first.shard, queues: failures.length }, first.error);
  return infos;
}

/** The names of `listQueues`. */
export async function listQueueNames(
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
  const none = { depth: 0, inFlight: 0, delayed: 0, deadLettersWaiting: 0, sentOnWaiting: 0, missing: 0, consumers: 0 };
  return { name, ...none, oldestAgeSeconds: 0, counts };
}

function infoOf(broker: Broker, name: string, head: Head | undefined): QueueInfo {
  if (!head) return nothingIn(name);
  const { ready, delayed, consumers, draft, ...view } = viewHead(broker, head);
  const inFlight = view.inFlight + total(draft.outgoing);
  const since = ready + inFlight + delayed > 0 ? oldestSince(draft) : undefined;
  const oldestAgeSeconds = since === undefined ? 0 : Math.max(0, Math.floor(broker.clock.now() / 1000) - since);
  return {
    name,
    depth: ready,
    inFlight,
    delayed,
    deadLettersWaiting: waitingFor(draft),
    sentOnWaiting: total(draft.onward),
    ...(isHeldUp(draft, broker.limits) ? { heldUp: true } : {}),
    missing: total(draft.apart),
    consumers,
    oldestAgeSeconds,
    counts: draft.counts,
  };
}

/** Whether nothing is delivered until dead letters are taken, or delays are over. */
function isHeldUp(draft: Draft, limits: Limits): boolean {
  return isFullOfOutgoing(draft, limits) || total(draft.delayed) >= limits.inFlightPerShard;
}

/**
 * Drops all ready messages, those that are delayed, those whose bodies are missing, and those that the dead-letter queue refuses; those in
 * flight stay with their consumers. @returns how many these were
 */
export async function purgeQueue(broker: Broker, name: string): Promise<number> {
  const head = await broker.store.readHead(shardOf(name));
  if (!head) {
    if (await isRecorded(broker, name)) return 0;
    throw notFound(name);
  }
  const { ready, delayed, draft } = viewHead(broker, head);
  const purge = { id: broker.random.id(), request: { kind: 'purge' } } as const;
  const appended = await appendIfThere(broker, shardOf(name), [purge], { ring: true });
  leadLater(broker, appended?.mastership);
  return ready + delayed + total(draft.apart) + waitingFor(draft);
}

/** How many messages the dead-letter queue refused. */
function waitingFor({ forwardRetry, outgoing }: Pick<State, 'forwardRetry' | 'outgoing'>): number {
  return forwardRetry ? total(outgoing) : 0;
}

/**
 * Deletes a queue with all its messages, or refuses and changes nothing. One that is damaged goes whoever uses it.
 * @returns what was lost with a queue that was damaged; undefined if it was not
 * @throws BrokerError NOT_FOUND; QUEUE_IN_USE while it has consumers, or when others keep using it
 */
export async function deleteQueue(broker: Broker, name: string): Promise<Loss | undefined> {
  const loss = await removeSurely(broker, name).catch(async (error: unknown) => {
    const damage = damageOf(shardOf(name), error);
    if (!damage) throw error;
    return await removeDamaged(broker, name, damage);
  });
  await broker.store.deleteRecord({ family, name });
  return loss;
}

/** @throws BrokerError as `deleteQueue` does; CORRUPT if the queue is damaged */
async function removeSurely(broker: Broker, name: string): Promise<undefined> {
  broker.quarantine.check(shardOf(name), broker.clock.now());
  await describeQueue(broker, name);
  for (let tries = 0; tries < DELETE_TRIES; tries++) {
    if (await removeShard(broker, name)) return;
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
  if (isGivingUp(draft) && (await keepsGivingUp(broker, shard))) {
    throw inUse(
      name,
      'messages are on their way from it to its dead-letter queue, or to where a transaction sent them',
    );
  }
  if (consumers > 0) {
    // Those that are gone unnoticed use nothing.
    if ((await probeConsumers(broker, shard, draft.consumers)) > 0) return false;
    throw inUse(name, consumers === 1 ? 'it has a consumer' : `it has ${consumers} consumers`);
  }
  if (!head.lease && head.inbox.length === 0) return await broker.store.removeHead(shard, head.rings);
  // What waits in the inbox comes first.
  await leadIfFree(broker, shard);
  return false;
}

/** Whether messages are on their way to other shards. */
function isGivingUp({ outgoing, onward }: Pick<State, 'outgoing' | 'onward'>): boolean {
  return outgoing.length + onward.length > 0;
}

/** A turn sends them on, or finds out that they cannot be read. */
async function keepsGivingUp(broker: Broker, shard: string): Promise<boolean> {
  await leadIfFree(broker, shard);
  const head = await broker.store.readHead(shard);
  return head !== undefined && isGivingUp(viewHead(broker, head).draft);
}

async function leadIfFree(broker: Broker, shard: string): Promise<void> {
  const mastership = await becomeMaster(broker, shard);
  if (mastership) await lead(broker, mastership);
}

function notFound(name: string): BrokerError {
  return new BrokerError('NOT_FOUND', `There is no queue /queue/${name}.`);
}

function inUse(name: string, why: string): BrokerError {
  return new BrokerError('QUEUE_IN_USE', `/queue/${name} cannot be deleted: ${why}.`);
}
