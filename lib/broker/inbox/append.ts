import { BrokerError } from '../../model/errors.ts';
import { type Entry, encodeEntry, type Request } from '../../shard/codec/entry.ts';
import { minuteOf } from '../../shard/conclude/wake-up.ts';
import { leaseFrom } from '../../shard/state/lease.ts';
import type { Append, Blob, Head } from '../../store/port.ts';
import type { Broker } from '../broker.ts';
import { backOff } from './leases.ts';

/** A request with its id; the id makes a repeat known. */
export type Identified = { readonly id: string; readonly request: Request };

export type AppendOptions = {
  readonly blobs?: readonly Blob[];
  /** The nonce with which it rings, and stands for election; undefined where it does neither. */
  readonly nonce: string | undefined;
  /** True for what frees: it may use the slots that are kept for it. */
  readonly reserve?: boolean;
  /** True for what means nothing to a shard that is not there. */
  readonly mustExist: boolean;
  /** For how long to go on trying, in milliseconds; 0 tries once. */
  readonly retryMs: number;
  /** Higher than 1 for what may have been asked for before. */
  readonly attempt?: number;
  /** Called when a try ends of which nobody knows whether it was carried out. */
  readonly onUnknown?: () => void;
  /** Called for an inbox that is full, with the head as it is, before the next try. */
  readonly onFull: (head: Head) => Promise<void>;
};

/**
 * Puts requests into a shard's inbox, durably. Goes on trying while the inbox is full or the store throttles. Only the
 * append itself is repeated here: whatever fails after it leaves the requests where they are. A full disk is told at once.
 * @returns the head as it is with them; undefined if there is no such shard
 * @throws BrokerError OVERLOADED when the time is over, and nothing was written; UNAVAILABLE where one of the tries may
 *   have been carried out; CORRUPT if the shard is set aside; what the store throws
 */
export async function appendToInbox(
  broker: Broker,
  shard: string,
  requests: readonly Identified[],
  options: AppendOptions,
): Promise<Head | undefined> {
  const giveUpAt = broker.clock.now() + options.retryMs;
  let { attempt = 1, blobs = [] } = options;
  let unknown: unknown;
  for (let tries = 0; ; tries++) {
    let refusal: unknown;
    broker.quarantine.check(shard, broker.clock.now());
    try {
      const outcome = await broker.store.append(shard, appendOf(broker, requests, { ...options, attempt, blobs }));
      if (outcome.kind !== 'full') return outcome.head;
      if (outcome.hasBlobs) blobs = [];
      refusal = overloaded(shard, broker.limits.inboxEntries);
      if (broker.clock.now() < giveUpAt) await options.onFull(outcome.head);
    } catch (error) {
      if (!isWorthRetrying(error) || isLasting(error)) throw error;
      // A throttled write did not happen; any other failure leaves that open, so that the next one is a repeat.
      if (error.code !== 'OVERLOADED') {
        attempt++;
        unknown = error;
        options.onUnknown?.();
      }
      refusal = error;
    }
    if (broker.clock.now() >= giveUpAt) throw unknown ?? refusal;
    await backOff(broker, tries);
  }
}

/** The store's part of it. */
export function appendOf(
  { limits, clock }: Broker,
  requests: readonly Identified[],
  { attempt = 1, blobs = [], reserve = false, mustExist, nonce }: Omit<AppendOptions, 'retryMs' | 'onFull'>,
): Append {
  const now = clock.now();
  return {
    blobs,
    entries: requests.map(({ id, request }) => encodeEntry({ id, attempt, ...request } as Entry)),
    ring: nonce ? leaseFrom(nonce, now, limits) : undefined,
    room: reserve ? limits.inboxEntries : limits.inboxEntries - limits.inboxReserve,
    minute: minuteOf(now),
    mustExist,
  };
}

/** Whether the store may do later what it failed to do now. */
export function isWorthRetrying(error: unknown): error is BrokerError {
  return error instanceof BrokerError && (error.code === 'OVERLOADED' || error.code === 'UNAVAILABLE');
}

/** A disk that is full stays so for longer than a request waits. */
function isLasting({ details }: BrokerError): boolean {
  return details.disk === 'full';
}

function overloaded(shard: string, entries: number): BrokerError {
  return new BrokerError('OVERLOADED', `${shard} has ${entries} requests waiting already; try again later.`);
}
