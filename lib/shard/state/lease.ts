import type { Limits } from '../../model/limits.ts';

type Lease = { readonly nonce: string; readonly until: number };

/** A lease for an election or a renewal at `now`. A self-hosted broker's nonces begin with its epoch. */
export function leaseFrom(nonce: string, now: number, limits: Limits): Lease {
  return { nonce, until: now + limits.leaseMs };
}

/**
 * Whether a lease may be stolen: its time and the allowance for clocks are over, or it is of another process than the
 * only one that may be master here. A clock that is wrong costs a duplicate, never a message.
 */
export function isDead(lease: Lease, now: number, epoch: string, limits: Limits): boolean {
  if (epoch !== '' && !lease.nonce.startsWith(epoch)) return true;
  return now > lease.until + limits.skewMs;
}
