import { asBrokerError, type BrokerError } from '../../model/errors.ts';
import { encodeState } from '../../shard/codec/state-codec.ts';
import { leaseFrom } from '../../shard/state/lease.ts';
import type { Commit, CommitOutcome, Head, Lease } from '../../store/port.ts';
import type { Broker } from '../broker.ts';
import { freshNonce, type Mastership } from '../inbox/leases.ts';
import { damageOf } from '../quarantine.ts';
import { stateOfHead } from '../shards.ts';
import { commitSurely } from './commit.ts';

/** What a master holds between two writes. */
export type Held = {
  head: Head;
  nonce: string;
  /** True while something may have gone out that no commit shows, a dead master's included: the next one suspects it. */
  hasPushed: boolean;
  /** See `Context.refused`. */
  refused: ReadonlyMap<string, number>;
};

/** After this a shard is looked at again whose turn failed; after each failure in a row, after twice the time. */
const AGAIN_MS = 1000;
const AGAIN_MAX_MS = 60_000;

/** Names the successor's nonce in the lease, so that nobody else comes between. */
export async function handOver(broker: Broker, held: Held): Promise<void> {
  const { dispatch, clock, limits } = broker;
  const { head, nonce } = held;
  if (!dispatch) {
    broker.log('shard let go', { shard: head.shard });
    await letGo(broker, head, nonce);
    return;
  }
  const successor = freshNonce(broker);
  const lease = leaseFrom(successor, clock.now(), limits);
  const outcome = await commitSurely(broker, head, unchanged(head, nonce, lease));
  if (outcome.kind !== 'committed') return;
  held.head = outcome.head;
  held.nonce = successor;
  await dispatch(head.shard, successor);
}

/**
 * Has another invocation begin with a shard that this one was elected for: it is given the nonce as it stands in the
 * lease, which costs no write here. What a dead master left stays with this one, which knows of it.
 * @returns what has to be led here; undefined if it is another's
 */
export async function passOn(broker: Broker, mastership: Mastership): Promise<Mastership | undefined> {
  const { head, lease, takeover } = mastership;
  if (!broker.dispatch || takeover) return mastership;
  try {
    await broker.dispatch(head.shard, lease.nonce);
    return undefined;
  } catch (error) {
    broker.log('shard not passed on', { shard: head.shard }, asBrokerError(error));
    return await takeBack(broker, mastership);
  }
}

/** Perhaps the other invocation has begun, and nobody heard of it: it is the master then. Else this one is, by a nonce that nobody was given. */
async function takeBack(broker: Broker, { head, lease }: Mastership): Promise<Mastership | undefined> {
  const own = leaseFrom(freshNonce(broker), broker.clock.now(), broker.limits);
  const outcome = await broker.store.steal(head.shard, { seen: lease.nonce, lease: own });
  return outcome.kind === 'stolen' ? { head: outcome.head, lease: own, takeover: false } : undefined;
}

/** Gives the lease up with work left. Whoever rings next is the master; if nobody does, the ring is still in the index. */
async function letGo(broker: Broker, head: Head, nonce: string): Promise<CommitOutcome> {
  let seen = head;
  for (;;) {
    const outcome = await broker.store.commit(head.shard, unchanged(seen, nonce, undefined));
    if (outcome.kind !== 'rung') return outcome;
    seen = outcome.head;
  }
}

/** Gives up a lease under which no turn was taken: as a dead master's, where the one before may have pushed something. */
export function giveBack(broker: Broker, { head, nonce, hasPushed }: Held): Promise<CommitOutcome> {
  if (!hasPushed) return letGo(broker, head, nonce);
  return broker.store.commit(head.shard, unchanged(head, nonce, deadLease(broker)));
}

/** One that anybody may steal at once, with suspicion. */
export function deadLease(broker: Broker): Lease {
  return { nonce: freshNonce(broker), until: 0 };
}

/**
 * After a turn that failed, nobody waits for its lease to run out: it is given up, or, where something may have gone
 * out, left as that of a dead master, so that the next one takes it over with suspicion. And the shard gets a turn soon.
 */
export async function abandon(broker: Broker, { head, nonce, hasPushed }: Held, cause: BrokerError): Promise<void> {
  const { clock, limits, store } = broker;
  const { shard } = head;
  // Another process is the master of all: it needs no help.
  if (cause.code === 'NOT_MASTER') return;
  let againMs = Math.min(AGAIN_MAX_MS, AGAIN_MS * 2 ** broker.quarantine.failed(shard));
  try {
    const dead = deadLease(broker);
    const outcome = hasPushed
      ? await store.commit(shard, unchanged(head, nonce, dead))
      : await letGo(broker, head, nonce);
    // Another's lease; or one of ours, by a write whose reply was lost: then nobody leads until it has run out.
    const until = outcome.kind === 'lost' ? (outcome.head?.lease?.until ?? 0) : 0;
    againMs = Math.max(againMs, until + limits.skewMs + 1 - clock.now());
  } catch (error) {
    broker.log('lease not given up', { shard }, asBrokerError(error));
    againMs += limits.leaseMs + limits.skewMs;
  }
  if (damageOf(shard, cause)) return;
  const againAt = clock.now() + againMs;
  broker.wakeAt(shard, againAt, againAt);
}

/** A commit that changes nothing but the lease. The first commit of a shard writes the name that its readers gave it. */
function unchanged(head: Head, nonce: string, lease: Commit['lease']): Commit {
  const { state = encodeState(stateOfHead(head)), rings } = head;
  return { nonce, state, absorbed: 0, lease, rings, blobs: [], wake: undefined, discard: [] };
}
