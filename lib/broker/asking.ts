import { BrokerError } from '../model/errors.ts';
import type { AppendOutcome, Blob, Head, ShardAppend } from '../store/port.ts';
import type { Broker } from './broker.ts';
import { appendOf, type Identified } from './inbox/append.ts';
import { freshNonce } from './inbox/leases.ts';
import { type Appended, elect, request } from './requests.ts';

/** What a shard is asked, and what is left to do once it has it. */
export type Asking<T> = {
  readonly shard: string;
  readonly requests: readonly Identified[];
  readonly blobs?: readonly Blob[];
  /** Whether the shard is to take a turn for this. */
  readonly ring: boolean;
  /** True for what frees: it may use the slots that are kept for it. */
  readonly reserve?: boolean;
  /** True for what means nothing to a shard that is not there. */
  readonly mustExist: boolean;
  /** Whether the shard, as it would be with these requests in its inbox, refuses none of them. */
  readonly accepts?: (head: Head) => boolean;
  /** @param appended undefined if there is no such shard */
  readonly conclude: (appended: Appended | undefined) => Promise<T>;
};

/** @throws BrokerError as `append` and `appendIfThere` do */
export async function ask<T>(broker: Broker, asking: Asking<T>): Promise<T> {
  const { shard, requests, conclude, accepts: _, ...options } = asking;
  return await conclude(await request(broker, shard, requests, options));
}

/**
 * Asks all of this in one write, so that no order among shards can be seen, or be broken by a failure.
 * @returns false if nothing was asked: the store cannot, or something would be refused
 * @throws BrokerError of what the store throws, but for OVERLOADED
 */
export async function askAtOnce(broker: Broker, askings: readonly Asking<unknown>[]): Promise<boolean> {
  const nonces = askings.map(({ ring }) => (ring ? freshNonce(broker) : undefined));
  const appends = askings.map(({ shard, requests, ...options }, i) => {
    return { shard, ...appendOf(broker, requests, { ...options, nonce: nonces[i] }) };
  });
  const accepts = (outcomes: readonly AppendOutcome[]) =>
    outcomes.every(({ head }, i) => !head || (askings[i]?.accepts?.(head) ?? true));
  const outcomes = await appendAll(broker, appends, accepts);
  if (!outcomes) return false;
  const concluding = askings.map(async ({ conclude }, i) => {
    const [head, nonce] = [outcomes[i]?.head, nonces[i]];
    if (head) broker.latest?.set(head.shard, head);
    await conclude(head && { head, mastership: nonce ? await elect(broker, head, nonce) : undefined });
  });
  await Promise.all(concluding);
  return true;
}

async function appendAll(
  { store, quarantine, clock }: Broker,
  appends: readonly ShardAppend[],
  accepts: (outcomes: readonly AppendOutcome[]) => boolean,
): Promise<readonly AppendOutcome[] | undefined> {
  try {
    for (const { shard } of appends) quarantine.check(shard, clock.now());
    return await store.appendAll?.(appends, accepts);
  } catch (error) {
    // One by one, it shows where the order ends.
    if (error instanceof BrokerError && (error.code === 'OVERLOADED' || error.code === 'CORRUPT')) return undefined;
    throw error;
  }
}
