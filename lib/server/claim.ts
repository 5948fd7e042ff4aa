import { isOfDeployment } from '../model/deployment.ts';
import { fateOf, type ProcessIdentity, thisProcess } from './process-identity.ts';

/** What a process writes to be the master of a broker. */
export type Claim = ProcessIdentity & {
  /** A fresh name for each time that a process is the master. */
  readonly owner: string;
  /** Counts the owner's claims: each renewal differs from all others. */
  readonly beat: number;
  /** The owner gave it up: whoever wants may take over at once. */
  readonly isReleased?: true;
  /** Of a claim that is no process's: see `deploymentClaim`. */
  readonly host?: string;
};

/** Whether a claim stands in the way of another one. `unknown`: only time tells. */
export type Standing = 'free' | 'held' | 'unknown';

export function claimOf(owner: string, beat: number, isReleased = false): Uint8Array {
  const claim: Claim = { owner, beat, ...thisProcess, ...(isReleased ? { isReleased } : {}) };
  return Buffer.from(JSON.stringify(claim));
}

/** What cannot be read is nobody's that is known, and holds for as long as it changes. */
export function readClaim(bytes: Uint8Array): Partial<Claim> {
  try {
    return JSON.parse(Buffer.from(bytes).toString()) as Partial<Claim>;
  } catch {
    return {};
  }
}

/** What can be told of a claim at the first sight of it. */
export function standingOf(claim: Partial<Claim>, owner: string): Standing {
  if (claim.isReleased || claim.owner === owner) return 'free';
  if (isOfDeployment(claim)) return 'held';
  const { kernel, namespace, pid, started } = claim;
  if (kernel === undefined || namespace === undefined || pid === undefined || started === undefined) return 'unknown';
  const fate = fateOf({ kernel, namespace, pid, started });
  return fate === 'unknown' ? 'unknown' : fate === 'ended' ? 'free' : 'held';
}
