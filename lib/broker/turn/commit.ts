import { BrokerError } from '../../model/errors.ts';
import { encodeState } from '../../shard/codec/state-codec.ts';
import { leaseFrom } from '../../shard/state/lease.ts';
import type { FinishedTurn } from '../../shard/turn.ts';
import { ownBytes } from '../../store/own-bytes.ts';
import type { Commit, CommitOutcome, Head } from '../../store/port.ts';
import type { Broker } from '../broker.ts';
import { backOff, freshNonce } from '../inbox/leases.ts';
import { stateOfHead } from '../shards.ts';
import { measureCommit, measureLostLease } from './measure.ts';

export type Committed = {
  /** The next turn's read. */
  readonly head: Head;
  /** What this invocation is the master as from now on; undefined if it gave the lease up. */
  readonly nonce: string | undefined;
  readonly wasRung: boolean;
};

type Options = {
  /** How many entries of the inbox the turn absorbed. */
  readonly absorbed: number;
  /** Give the lease up if the shard was rung this often and no oftener. Undefined: keep it. */
  readonly releaseAt: number | undefined;
};

/**
 * Writes a turn, and gives the lease up unless somebody rang meanwhile. A lease that is kept gets a fresh nonce: a
 * repeat of a commit that was made already is refused, where it would remove entries from the inbox a second time.
 * @returns undefined if the lease is another's: nothing was written, and there is nothing left to do
 */
export async function commitTurn(
  broker: Broker,
  head: Head,
  nonce: string,
  settled: FinishedTurn,
  { absorbed, releaseAt }: Options,
): Promise<Committed | undefined> {
  const { clock, limits } = broker;
  const expiresAt = Math.floor((clock.now() + limits.retentionMs) / 1000);
  const commit: Commit = {
    nonce,
    // A store may keep it in memory until the next.
    state: ownBytes(encodeState(settled.state)),
    absorbed,
    lease: undefined,
    rings: releaseAt ?? head.rings,
    blobs: settled.pages.map((page) => ({ ...page, expiresAt })),
    wake: settled.wake,
    discard: settled.discard,
  };
  const renewed = freshNonce(broker);
  const keep = () => ({ ...commit, lease: leaseFrom(renewed, clock.now(), limits) });
  const first = await commitSurely(broker, head, releaseAt === undefined ? keep() : commit);
  const outcome = first.kind === 'rung' ? await commitSurely(broker, head, keep()) : first;
  if (outcome.kind !== 'committed') {
    measureLostLease(broker, head.shard, nonce);
    return undefined;
  }
  measureCommit(broker, head.shard, stateOfHead(head), settled.state);
  broker.bodies.drop(head.shard, settled.discard);
  if (settled.wakeAt !== undefined) broker.wakeAt(head.shard, settled.wakeAt, settled.awaitedAt);
  const wasRung = first.kind === 'rung' || releaseAt === undefined;
  return { head: outcome.head, nonce: wasRung ? renewed : undefined, wasRung };
}

/** Repeats a commit whose outcome is unknown: a refusal may then be that of our own earlier write. */
export async function commitSurely(broker: Broker, head: Head, commit: Commit): Promise<CommitOutcome> {
  for (let tries = 0; ; tries++) {
    try {
      const outcome = await broker.store.commit(head.shard, commit);
      const isOurs = tries > 0 && outcome.kind === 'lost' && isResultOf(commit, outcome.head);
      return isOurs && outcome.head ? { kind: 'committed', head: outcome.head } : outcome;
    } catch (error) {
      if (!(error instanceof BrokerError) || !error.retryable || error.code === 'NOT_MASTER') throw error;
      if (broker.clock.now() > (head.lease?.until ?? 0)) throw error;
      await backOff(broker, tries);
    }
  }
}

function isResultOf({ lease, state }: Commit, head: Head | undefined): boolean {
  if (lease) return head?.lease?.nonce === lease.nonce;
  return head?.state !== undefined && Buffer.compare(head.state, state) === 0;
}
