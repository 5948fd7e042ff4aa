import { setTimeout as sleep } from 'node:timers/promises';
import { isOfDeployment } from '../model/deployment.ts';
import { BrokerError } from '../model/errors.ts';
import { type Claim, claimOf, readClaim } from './claim.ts';
import { ClaimWatch } from './claim-watch.ts';
import { thisProcess } from './process-identity.ts';

/** One record that is changed by compare and set. */
export type LeaseRecord = {
  readonly read: () => Promise<Uint8Array | undefined>;
  /** Replaces `expected`, or nothing if null. False if that is not what is there. */
  readonly replace: (expected: Uint8Array | null, value: Uint8Array) => Promise<boolean>;
  /** True where only processes of one running kernel may use the data, one after the other. */
  readonly isOfOneKernel: boolean;
  /** True to follow a deployment in AWS, which never gives its claim up. Default: false. */
  readonly takesOver?: boolean;
  /** Why the data that this process has open are of no use any more; undefined while they are. */
  readonly failure?: () => Promise<BrokerError | undefined>;
};

/** All are measured by a process's own monotonic clock. */
export type LeaseTimes = {
  /** How long a claim holds without renewal. */
  readonly leaseMs: number;
  readonly renewMs: number;
  /** How often a standby looks. */
  readonly pollMs: number;
  /** How much longer than the lease a standby waits: clocks do not run equally fast. */
  readonly marginMs: number;
};

/** Who a standby waits for. */
export type Master = 'process' | 'deployment';

export type LeaseEvents = {
  /** Told once if there is something to wait for: another process, or a deployment in AWS. */
  readonly onStandby: (master: Master) => void;
  /** Told at each look that finds the master alive. */
  readonly onHeld?: () => void;
  /** Told once, why the lease is over: NOT_MASTER if another took it, or may have. */
  readonly onLost: (reason: BrokerError) => void;
};

/** The lease on a whole broker, for as long as this process holds it. */
export class BrokerLease {
  readonly #record: LeaseRecord;
  readonly #times: LeaseTimes;
  readonly #owner: string;
  readonly #onLost: (reason: BrokerError) => void;
  readonly #stop = new AbortController();
  #held: Uint8Array;
  #beat: number;
  #heldUntil: number;
  readonly #renewing: Promise<void>;

  private constructor(
    record: LeaseRecord,
    times: LeaseTimes,
    owner: string,
    { beat, from }: { readonly beat: number; readonly from: number },
    onLost: (reason: BrokerError) => void,
  ) {
    this.#record = record;
    this.#times = times;
    this.#owner = owner;
    this.#held = claimOf(owner, beat);
    this.#beat = beat;
    this.#heldUntil = from + times.leaseMs;
    this.#onLost = onLost;
    this.#renewing = this.#keep();
  }

  /**
   * Waits until no other process is the master, then is.
   * @param owner a name that was never used
   * @returns undefined if `signal` ended the wait
   * @throws BrokerError NOT_SUPPORTED if the master is alive, and this process could never follow it
   */
  static async claim(
    record: LeaseRecord,
    times: LeaseTimes,
    owner: string,
    signal: AbortSignal,
    events: LeaseEvents,
  ): Promise<BrokerLease | undefined> {
    const watch = new ClaimWatch(owner, times.leaseMs + times.marginMs);
    for (let beat = 0; !signal.aborted; beat++) {
      // From before the write: a standby that sees the claim begins to count after it.
      const from = performance.now();
      const outcome = await tryToClaim(record, watch, claimOf(owner, beat), events);
      if (outcome === 'claimed') {
        return new BrokerLease(record, times, owner, { beat, from }, events.onLost);
      }
      if (beat === 0) events.onStandby(outcome);
      await sleep(times.pollMs, undefined, { signal }).catch(() => {});
    }
    return undefined;
  }

  /** Whether the claim holds, by this process's clock. */
  get isHeld(): boolean {
    return performance.now() <= this.#heldUntil;
  }

  /** Renews no more: what another process did with the lease since then is no concern of this one's. */
  async end(): Promise<void> {
    this.#stop.abort();
    await this.#renewing;
  }

  /** Gives the lease up: a standby takes over at once. */
  async release(): Promise<void> {
    await this.end();
    await this.#write(true);
  }

  async #keep(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await sleep(this.#times.renewMs, undefined, { signal, ref: false }).catch(() => {});
      const reason = signal.aborted ? undefined : await this.#renew();
      if (!reason || signal.aborted) continue;
      this.#stop.abort();
      this.#heldUntil = Number.NEGATIVE_INFINITY;
      this.#onLost(reason);
    }
  }

  /** @returns why the lease is over, if it is */
  async #renew(): Promise<BrokerError | undefined> {
    const failure = await this.#record.failure?.();
    if (failure) return failure;
    const isOurs = await this.#write();
    if (isOurs === false) return new BrokerError('NOT_MASTER', 'Another process has become the master.');
    if (isOurs || this.isHeld) return undefined;
    return new BrokerError('NOT_MASTER', 'The lease could not be renewed in time; another process may be the master.');
  }

  /**
   * Writes the next claim.
   * @returns undefined if nothing tells whether it was written: that neither ends the lease nor prolongs it
   */
  async #write(isReleased = false): Promise<boolean | undefined> {
    const isWritten = await this.#replace(isReleased);
    if (isWritten !== false) return isWritten;
    // A claim whose reply was lost is found in its place.
    const current = await this.#record.read().catch(() => 'unreadable' as const);
    if (current === 'unreadable') return undefined;
    if (!current || readClaim(current).owner !== this.#owner) return false;
    this.#held = current;
    return await this.#replace(isReleased);
  }

  async #replace(isReleased: boolean): Promise<boolean | undefined> {
    const from = performance.now();
    const next = claimOf(this.#owner, ++this.#beat, isReleased);
    const isWritten = await this.#record.replace(this.#held, next).catch(() => undefined);
    if (!isWritten) return isWritten;
    this.#held = next;
    this.#heldUntil = from + this.#times.leaseMs;
    return true;
  }
}

/** @throws BrokerError NOT_SUPPORTED if the master is alive, and this process could never follow it */
async function tryToClaim(
  record: LeaseRecord,
  watch: ClaimWatch,
  mine: Uint8Array,
  events: LeaseEvents,
): Promise<'claimed' | Master> {
  const { isClaimed, held } = await lookOrClaim(record, watch, mine);
  if (!held) return isClaimed ? 'claimed' : 'process';
  events.onHeld?.();
  if (isOfDeployment(held)) return 'deployment';
  if (record.isOfOneKernel && held.kernel !== thisProcess.kernel) throw strangerHolds();
  return 'process';
}

type Look = { readonly isClaimed: boolean; readonly held?: Partial<Claim> };

/** A store that does not answer for now is looked at again. */
async function lookOrClaim(record: LeaseRecord, watch: ClaimWatch, mine: Uint8Array): Promise<Look> {
  try {
    const current = await record.read();
    const { standing, claim } = watch.look(current);
    const isFollowed = record.takesOver === true && isOfDeployment(claim);
    if (standing === 'free' || isFollowed) return { isClaimed: await record.replace(current ?? null, mine) };
    return { isClaimed: false, ...(standing === 'held' ? { held: claim } : {}) };
  } catch (error) {
    if (error instanceof BrokerError && error.retryable) return { isClaimed: false };
    throw error;
  }
}

function strangerHolds(): BrokerError {
  return new BrokerError(
    'NOT_SUPPORTED',
    'A broker under another kernel (on another machine, or in a sandbox with a kernel of its own) is the master of this ' +
      'folder. The embedded store is for processes of one kernel; brokers on several machines share DynamoDB tables.',
  );
}
