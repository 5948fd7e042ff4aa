import { asBrokerError, BrokerError } from '../model/errors.ts';
import { hasRoomToPush } from '../shard/plan/servers.ts';
import type { Blob, Head } from '../store/port.ts';
import type { Broker } from './broker.ts';
import { type AppendOptions, appendToInbox, type Identified } from './inbox/append.ts';
import { freshNonce, type Mastership, stealIfDead } from './inbox/leases.ts';
import { isTopic, viewHead } from './shards.ts';
import { lead } from './turn/lead.ts';
import { passOn } from './turn/yield.ts';

export type { Identified } from './inbox/append.ts';

/** The head with the requests in its inbox, and the mastership if it was to be had. */
export type Appended = { readonly head: Head; readonly mastership: Mastership | undefined };

type Options = {
  readonly blobs?: readonly Blob[];
  /** Whether the shard is to take a turn for this. */
  readonly ring: boolean;
  /** True for what frees: it may use the slots that are kept for it. */
  readonly reserve?: boolean;
  /** How long to go on trying against a full inbox or a throttled store, in milliseconds. Default: `limits.retryMs`. */
  readonly retryMs?: number;
  /** Higher than 1 for what may have been asked for before. */
  readonly attempt?: number;
  /** See `AppendOptions`. */
  readonly onUnknown?: () => void;
};

/** After this a shard is looked at again whose dead master's lease could not be taken. */
const STEAL_AGAIN_MS = 1000;

/** Puts requests into a shard's inbox, which is created if need be. See `appendIfThere`. */
export async function append(
  broker: Broker,
  shard: string,
  requests: readonly Identified[],
  options: Options,
): Promise<Appended> {
  const appended = await request(broker, shard, requests, { ...options, mustExist: false });
  if (appended) return appended;
  throw new BrokerError('INTERNAL', `${shard} could not be created.`);
}

/**
 * Puts requests into a shard's inbox, durably, and stands for election if it rings.
 * @returns undefined if there is no such shard
 * @throws BrokerError OVERLOADED when the time is over; CORRUPT if the shard is damaged; what the store throws
 */
export function appendIfThere(
  broker: Broker,
  shard: string,
  requests: readonly Identified[],
  options: Options,
): Promise<Appended | undefined> {
  return request(broker, shard, requests, { ...options, mustExist: true });
}

/** `append`, or `appendIfThere`. */
export async function request(
  broker: Broker,
  shard: string,
  requests: readonly Identified[],
  { ring, retryMs = broker.limits.retryMs, ...options }: Options & { readonly mustExist: boolean },
): Promise<Appended | undefined> {
  const nonce = ring ? freshNonce(broker) : undefined;
  const onFull: AppendOptions['onFull'] = () => relieve(broker, shard);
  const head = await appendToInbox(broker, shard, requests, { ...options, nonce, retryMs, onFull });
  if (head) broker.latest?.set(shard, head);
  return head && { head, mastership: nonce ? await elect(broker, head, nonce) : undefined };
}

/** Whether this invocation is the master now: elected by its own write, or by taking a dead master's lease. */
export async function elect(broker: Broker, head: Head, nonce: string): Promise<Mastership | undefined> {
  const { lease, shard } = head;
  if (!lease) return undefined;
  if (lease.nonce === nonce) return { head, lease, takeover: false };
  try {
    return await stealIfDead(broker, head, freshNonce(broker));
  } catch (error) {
    // What was appended stays appended: whoever rings next is elected, or who wakes the shard.
    broker.log('lease not stolen', { shard }, asBrokerError(error));
    const at = broker.clock.now() + STEAL_AGAIN_MS;
    broker.wakeAt(shard, at, at);
    return undefined;
  }
}

/** A full inbox: its master is behind, died, or there is none. What fails here is not the request's. */
async function relieve(broker: Broker, shard: string): Promise<void> {
  try {
    const mastership = await becomeMaster(broker, shard, 0);
    if (mastership) await lead(broker, mastership);
  } catch (error) {
    broker.log('inbox not relieved', { shard }, asBrokerError(error));
  }
}

/** Rings, without adding anything, and gives the mastership if it was to be had. */
export async function becomeMaster(
  broker: Broker,
  shard: string,
  retryMs = broker.limits.retryMs,
): Promise<Mastership | undefined> {
  const appended = await appendIfThere(broker, shard, [], { ring: true, retryMs });
  return appended?.mastership;
}

/** Takes turns when the reply is out, if this invocation became the master. They begin with all that it asked for. */
export function leadLater(broker: Broker, mastership: Mastership | undefined): void {
  if (!mastership) return;
  broker.defer(async () => {
    const latest = { ...mastership, head: latestHead(broker, mastership) };
    const mine = broker.isReplyLast && pushes(broker, latest) ? await passOn(broker, latest) : latest;
    if (mine) await lead(broker, mine);
  });
}

/** Whether a turn is likely to push, and so to take as long as the slowest of those who are pushed to. */
function pushes(broker: Broker, { head }: Mastership): boolean {
  return isTopic(head.shard) || hasRoomToPush(viewHead(broker, head).draft);
}

function latestHead({ latest }: Broker, { head, lease }: Mastership): Head {
  const later = latest?.get(head.shard);
  return later?.lease?.nonce === lease.nonce ? later : head;
}
