import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { BrokerError } from '../model/errors.ts';

/** One record that is changed by compare and set. */
export type LeaseRecord = {
  readonly read: () => Promise<Uint8Array | undefined>;
  /** Replaces `expected`, or nothing if null. False if that is not what is there. */
  readonly replace: (expected: Uint8Array | null, value: Uint8Array) => Promise<boolean>;
};

/** Who is the master of a broker. `until` is in milliseconds since the epoch; 0 if it gave up. */
type Claim = {
  readonly owner: string;
  readonly host: string;
  readonly pid: number;
  readonly life: string;
  readonly until: number;
};

export type MastershipTimes = {
  /** How long a claim holds without renewal. */
  readonly leaseMs: number;
  readonly renewMs: number;
  /** How often a standby looks. */
  readonly pollMs: number;
  /** How far clocks may differ. */
  readonly skewMs: number;
};

/** Tells this process from an earlier one of the same number, as after a container's restart. */
const life = randomUUID();

/** The lease on a whole broker, for as long as this process holds it. */
export class Mastership {
  readonly #record: LeaseRecord;
  readonly #times: MastershipTimes;
  readonly #owner: string;
  readonly #onLost: () => void;
  readonly #stop = new AbortController();
  #held: Uint8Array;
  #until: number;
  readonly #renewing: Promise<void>;

  private constructor(
    record: LeaseRecord,
    times: MastershipTimes,
    owner: string,
    held: Uint8Array,
    onLost: () => void,
  ) {
    this.#record = record;
    this.#times = times;
    this.#owner = owner;
    this.#held = held;
    this.#until = readClaim(held).until;
    this.#onLost = onLost;
    this.#renewing = this.#renew();
  }

  /**
   * Waits until no other process is the master, then is.
   * @param onStandby called once if there is something to wait for
   * @param onLost called once if another takes the lease, or may have
   * @returns undefined if `signal` ended the wait
   */
  static async claim(
    record: LeaseRecord,
    times: MastershipTimes,
    owner: string,
    signal: AbortSignal,
    { onStandby, onLost }: { readonly onStandby: () => void; readonly onLost: () => void },
  ): Promise<Mastership | undefined> {
    for (let isFirst = true; !signal.aborted; isFirst = false) {
      const mine = claimOf(owner, Date.now() + times.leaseMs);
      if (await tryToClaim(record, times, mine)) return new Mastership(record, times, owner, mine, onLost);
      if (isFirst) onStandby();
      await sleep(times.pollMs, undefined, { signal }).catch(() => {});
    }
    return undefined;
  }

  /** Whether the claim holds, by this process's clock. */
  get isHeld(): boolean {
    return Date.now() <= this.#until;
  }

  /** Renews no more: what another process did with the lease since then is no concern of this one's. */
  async end(): Promise<void> {
    this.#stop.abort();
    await this.#renewing;
  }

  /** Gives the lease up: a standby takes over at once. */
  async release(): Promise<void> {
    await this.end();
    await this.#record.replace(this.#held, claimOf(this.#owner, 0));
  }

  async #renew(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await sleep(this.#times.renewMs, undefined, { signal, ref: false }).catch(() => {});
      if (signal.aborted) return;
      const next = claimOf(this.#owner, Date.now() + this.#times.leaseMs);
      // A failure is no refusal while the claim holds: the next try tells. Afterwards another may be the master.
      const isHeld = await this.#record.replace(this.#held, next).catch(() => undefined);
      if (isHeld) this.#hold(next);
      const isOver = isHeld === undefined ? !this.isHeld : !isHeld && !(await this.#isOurs(next));
      if (isOver && !signal.aborted) {
        this.#stop.abort();
        this.#onLost();
      }
    }
  }

  /** A renewal whose reply was lost is found in its place. */
  async #isOurs(next: Uint8Array): Promise<boolean> {
    const current = await this.#record.read().catch(() => next);
    if (!current || readClaim(current).owner !== this.#owner) return false;
    this.#hold(current);
    return true;
  }

  #hold(claim: Uint8Array): void {
    this.#held = claim;
    this.#until = readClaim(claim).until;
  }
}

/** A store that does not answer for now is looked at again. */
async function tryToClaim(record: LeaseRecord, times: MastershipTimes, mine: Uint8Array): Promise<boolean> {
  try {
    const current = await record.read();
    return isFree(current, times) && (await record.replace(current ?? null, mine));
  } catch (error) {
    if (error instanceof BrokerError && error.retryable) return false;
    throw error;
  }
}

function claimOf(owner: string, until: number): Uint8Array {
  const claim: Claim = { owner, host: hostname(), pid: process.pid, life, until };
  return Buffer.from(JSON.stringify(claim));
}

function readClaim(bytes: Uint8Array): Claim {
  return JSON.parse(Buffer.from(bytes).toString()) as Claim;
}

/** Free: its time is over, or it belongs to a process of this machine that is not there any more. */
function isFree(current: Uint8Array | undefined, { skewMs }: MastershipTimes): boolean {
  if (!current) return true;
  const claim = readClaim(current);
  if (claim.until === 0 || Date.now() > claim.until + skewMs) return true;
  if (claim.host !== hostname()) return false;
  return claim.pid === process.pid ? claim.life !== life : !isRunning(claim.pid);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
