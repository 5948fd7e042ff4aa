import { isOfDeployment } from '../model/deployment.ts';
import { sameBytes } from '../store/same-bytes.ts';
import { type Claim, readClaim, type Standing, standingOf } from './claim.ts';

/**
 * Judges the claim of another process over time. Where its process cannot be asked for, its renewals tell: it is alive
 * while they come, and gone when none came for as long as a lease lasts, by this process's own monotonic clock. No
 * clock is compared with another one's, so that it does not matter what time either takes it to be.
 */
export class ClaimWatch {
  readonly #owner: string;
  readonly #patienceMs: number;
  #seen: Uint8Array | undefined;
  #seenAt = 0;
  #isRenewed = false;

  /** @param owner who watches @param patienceMs how long a claim may stay as it is */
  constructor(owner: string, patienceMs: number) {
    this.#owner = owner;
    this.#patienceMs = patienceMs;
  }

  /** @param current what was read just now */
  look(current: Uint8Array | undefined): { readonly standing: Standing; readonly claim: Partial<Claim> } {
    if (!current) return { standing: 'free', claim: {} };
    const now = performance.now();
    const claim = readClaim(current);
    if (!sameBytes(current, this.#seen ?? null)) {
      this.#isRenewed = this.#seen !== undefined && readClaim(this.#seen).owner === claim.owner;
      this.#seen = current;
      this.#seenAt = now;
    }
    // Nobody renews a deployment's.
    if (isOfDeployment(claim)) return { standing: 'held', claim };
    if (now - this.#seenAt > this.#patienceMs) return { standing: 'free', claim };
    const standing = standingOf(claim, this.#owner);
    return { standing: standing === 'unknown' && this.#isRenewed ? 'held' : standing, claim };
  }
}
