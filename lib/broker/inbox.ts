import { BrokerError } from '../model/errors.ts';
import { type Entry, encodeEntry, type Request } from '../shard/entry.ts';
import { isDead, leaseFrom } from '../shard/lease.ts';
import { minuteOf } from '../shard/wake-up.ts';
import type { AppendOutcome, Blob, Head, Lease } from '../store/port.ts';
import { lead } from './lead.ts';
import type { Broker } from './parts.ts';

/** The right to take turns, with the head as it was when it was won. */
export type Mastership = {
  readonly head: Head;
  readonly lease: Lease;
  /** True if the one before died: what it might have pushed is suspect. */
  readonly takeover: boolean;
};

export type Appended = { readonly head: Head; readonly mastership: Mastership | undefined };

/** A request with its id; the id makes a repeat known. */
export type Identified = { readonly id: string; readonly request: Request };

type Options = {
  readonly blobs?: readonly Blob[];
  /** Whether the shard is to take a turn for this. */
  readonly ring: boolean;
  /** True for what frees: it may use the slots that are kept for it. */
  readonly reserve?: boolean;
};

/** Puts requests into a shard's inbox, which is created if need be. See `appendIfThere`. */
export async function append(
  broker: Broker,
  shard: string,
  requests: readonly Identified[],
  options: Options,
): Promise<Appended> {
  const appended = await appendSurely(broker, shard, requests, { ...options, mustExist: false });
  if (appended) return appended;
  throw new BrokerError('INTERNAL', `${shard} could not be created.`);
}

/**
 * Puts requests into a shard's inbox, durably, and stands for election if it rings. Goes on trying while the inbox is
 * full or the store throttles, for `retryMs`.
 * @returns undefined if there is no such shard
 * @throws BrokerError OVERLOADED when that time is over; CORRUPT if the shard is damaged; what the store throws
 */
export function appendIfThere(
  broker: Broker,
  shard: string,
  requests: readonly Identified[],
  options: Options,
): Promise<Appended | undefined> {
  return appendSurely(broker, shard, requests, { ...options, mustExist: true });
}

type Attempt = Options & { readonly mustExist: boolean };

async function appendSurely(
  broker: Broker,
  shard: string,
  requests: readonly Identified[],
  options: Attempt,
): Promise<Appended | undefined> {
  broker.quarantine.check(shard, broker.clock.now());
  const nonce = options.ring ? freshNonce(broker) : undefined;
  const giveUpAt = broker.clock.now() + broker.limits.retryMs;
  let attempt = 1;
  for (let tries = 0; ; tries++) {
    try {
      const outcome = await appendOnce(broker, shard, requests, attempt, nonce, options);
      if (outcome.kind === 'absent') return undefined;
      if (outcome.kind === 'appended') {
        const mastership = nonce ? await winMastership(broker, outcome.head, nonce) : undefined;
        return { head: outcome.head, mastership };
      }
      await relieve(broker, outcome.head);
    } catch (error) {
      if (!(error instanceof BrokerError) || !isWorthRetrying(error)) throw error;
      // A throttled write did not happen; any other failure leaves that open, so that the next one is a repeat.
      if (error.code !== 'OVERLOADED') attempt++;
      if (broker.clock.now() >= giveUpAt) throw error;
    }
    if (broker.clock.now() >= giveUpAt) throw overloaded(shard, broker.limits.inboxEntries);
    await backOff(broker, tries);
  }
}

function appendOnce(
  broker: Broker,
  shard: string,
  requests: readonly Identified[],
  attempt: number,
  nonce: string | undefined,
  { blobs = [], reserve = false, mustExist }: Attempt,
): Promise<AppendOutcome> {
  const { limits, clock } = broker;
  const now = clock.now();
  return broker.store.append(shard, {
    blobs,
    entries: requests.map(({ id, request }) => encodeEntry({ id, attempt, ...request } as Entry)),
    ring: nonce ? leaseFrom(nonce, now, limits) : undefined,
    room: reserve ? limits.inboxEntries : limits.inboxEntries - limits.inboxReserve,
    minute: minuteOf(now),
    mustExist,
  });
}

export function freshNonce(broker: Broker): string {
  return broker.epoch + broker.random.id();
}

function isWorthRetrying(error: BrokerError): boolean {
  return error.code === 'OVERLOADED' || error.code === 'UNAVAILABLE';
}

/** Waits between tries: doubling, with full jitter, up to a second. */
export function backOff({ clock, random }: Broker, tries: number): Promise<void> {
  return clock.sleep(random.fraction() * Math.min(1000, 10 * 2 ** tries));
}

function overloaded(shard: string, entries: number): BrokerError {
  return new BrokerError('OVERLOADED', `${shard} has ${entries} requests waiting already; try again later.`);
}

/** Whether this invocation is the master now: elected by its own write, or by taking a dead master's lease. */
async function winMastership(broker: Broker, head: Head, nonce: string): Promise<Mastership | undefined> {
  if (!head.lease) return undefined;
  if (head.lease.nonce === nonce) return { head, lease: head.lease, takeover: false };
  // Under a nonce of its own: a repeat of the append must not take a theft whose reply was lost for an election.
  return stealIfDead(broker, head, freshNonce(broker));
}

/** Takes the lease of a master that died. */
export async function stealIfDead(broker: Broker, head: Head, nonce: string): Promise<Mastership | undefined> {
  const { clock, limits, epoch, store } = broker;
  if (!head.lease || !isDead(head.lease, clock.now(), epoch, limits)) return undefined;
  const lease = leaseFrom(nonce, clock.now(), limits);
  const outcome = await store.steal(head.shard, { seen: head.lease.nonce, lease });
  if (outcome.kind === 'lost') return undefined;
  broker.log('lease stolen', { shard: head.shard, from: head.lease.nonce, nonce });
  broker.meter('stolenLeases', 1, head.shard);
  return { head: outcome.head, lease, takeover: true };
}

/** A full inbox: its master is behind, died, or there is none. */
async function relieve(broker: Broker, head: Head): Promise<void> {
  const mastership = await becomeMaster(broker, head.shard);
  if (mastership) await lead(broker, mastership);
}

/** Rings, without adding anything, and gives the mastership if it was to be had. */
export async function becomeMaster(broker: Broker, shard: string): Promise<Mastership | undefined> {
  const appended = await appendIfThere(broker, shard, [], { ring: true });
  return appended?.mastership;
}
