import { type Environment, type EnvironmentParts, setUp } from '../../lib/handlers/environment.ts';
import { BrokerError } from '../../lib/model/errors.ts';
import { simulatedPush } from './simulated-push.ts';
import { simulatedStore } from './simulated-store.ts';
import type { World } from './world.ts';

const STEP_MS = 3;
/** How far off a clock may be that was set wrong, and for how long. */
export const CLOCKS_MS = 4 * 60_000;
const LEAST_STEP_MS = 10_000;
const ASTRAY_MS = 60_000;
/** What it said before is used for so long. */
const AFTER_MS = 5000;

export type HostOptions = Pick<EnvironmentParts, 'dispatch' | 'wakeAt' | 'endsWithReply'> & {
  readonly epoch: string;
  readonly skewMs: number;
  /** A version behind what wrote the shards' states. */
  readonly isOldCode: boolean;
  readonly onKilled: () => void;
  readonly onFrozen: (ms: number) => void;
};

/** A place where the handlers run: a Lambda sandbox, or the one process of a self-hosted broker. */
export class Host {
  readonly name: string;
  readonly options: HostOptions;
  readonly environment: Environment;
  readonly #world: World;
  #isDead = false;
  /** Another process has become the master: this one may write nothing any more. */
  #isFenced = false;
  #frozenUntil = 0;
  #stepMs = 0;
  #aheadMs = 0;
  #astrayUntil = 0;

  constructor(world: World, name: string, options: HostOptions) {
    const { prng, limits, trace, witness } = world;
    this.#world = world;
    this.name = name;
    this.options = options;
    this.environment = setUp({
      ...options,
      limits,
      store: simulatedStore(world, this),
      push: simulatedPush(world, this),
      clock: { now: () => this.now, date: () => this.date, sleep: (ms) => this.sleep(ms) },
      random: { id: () => prng.id(), fraction: () => prng.fraction() },
      cacheBytes: prng.pick([0, 400, 1_000_000]),
      log: (event, _, error) => {
        trace.add(name, event, () => error?.message ?? '');
        witness.logged(error);
      },
    });
  }

  /** What its calendar says. */
  get date(): number {
    const { schedule, faults } = this.#world;
    return schedule.now + this.options.skewMs + (faults.isCalm ? 0 : this.#stepMs);
  }

  /** What its clock says: that of a self-hosted process follows the calendar forward, and never back. */
  get now(): number {
    return this.options.epoch === '' ? this.date : this.#world.schedule.now + this.options.skewMs + this.#aheadMs;
  }

  get offsetMs(): number {
    return this.now - this.#world.schedule.now;
  }

  /** Its clock is further off than the broker allows for, or was so a moment ago. */
  get isAstray(): boolean {
    return this.#aheadMs > 0 || this.#world.schedule.now < this.#astrayUntil;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  get isGone(): boolean {
    return this.#isDead || this.#isFenced;
  }

  /** Its promises are never kept: whatever waits for them waits for ever. */
  kill(): void {
    if (this.#isDead) return;
    this.#isDead = true;
    this.#world.trace.add(this.name, 'is killed');
    this.options.onKilled();
  }

  fence(): void {
    this.#isFenced = true;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.#world.schedule.after(ms, () => this.resume(resolve)));
  }

  /** Goes on, once it is not frozen; never, if it is dead. */
  resume(run: () => void): void {
    const { schedule } = this.#world;
    if (this.#isDead) return;
    if (schedule.now < this.#frozenUntil) schedule.after(this.#frozenUntil - schedule.now, () => this.resume(run));
    else run();
  }

  /** One request to something outside: it leaves, it is carried out, the reply comes back; and what may happen between. */
  step<T>(what: string, isWrite: boolean, apply: () => Promise<T>, show: (outcome: T) => string): Promise<T> {
    const { schedule, faults, prng, trace, limits, store } = this.#world;
    return new Promise((resolve, reject) => {
      if (this.#isDead) return;
      if (faults.strike('killed before a step')) {
        this.kill();
        return;
      }
      const isSlow = faults.strike('step delayed past the lease');
      const delay = isSlow ? limits.leaseMs + limits.skewMs + prng.between(0, 2 * limits.leaseMs) : 0;
      schedule.after(delay + prng.latency(STEP_MS), async () => {
        const isWithin = this.options.epoch !== '';
        if (isWithin && this.#isDead) return;
        if (isWithin && this.#isFenced && isWrite) {
          this.resume(() => reject(new BrokerError('NOT_MASTER', 'Another process is the master.')));
          return;
        }
        // An embedded store answers, or its process is dead.
        const mayFail = isWrite && store.bodiesExpire;
        if (mayFail && faults.strike('write throttled')) {
          trace.add(this.name, `${what} is throttled`);
          this.resume(() => reject(new BrokerError('OVERLOADED', 'The store is throttling.')));
          return;
        }
        this.#world.steps.count++;
        const outcome = await apply();
        trace.add(this.name, what, () => show(outcome));
        if (faults.strike('killed after a step')) this.kill();
        if (faults.strike('clock stepped')) this.#stepClock();
        if (faults.strike('invocation frozen')) this.#freeze(prng.between(limits.leaseMs / 2, 5 * limits.leaseMs));
        const isLost = mayFail && faults.strike('reply lost');
        if (isLost) trace.add(this.name, 'the reply is lost');
        const unknown = () => reject(new BrokerError('UNAVAILABLE', 'The store did not answer.'));
        schedule.after(prng.latency(STEP_MS), () => this.resume(isLost ? unknown : () => resolve(outcome)));
      });
    });
  }

  /** Somebody sets the clock, and somebody else sets it right. */
  #stepClock(): void {
    const { schedule, prng, trace } = this.#world;
    if (this.#stepMs !== 0) return;
    this.#stepMs = prng.between(LEAST_STEP_MS, CLOCKS_MS) * prng.pick([-1, 1]);
    this.#aheadMs = Math.max(this.#aheadMs, this.#stepMs);
    this.#astrayUntil = Number.POSITIVE_INFINITY;
    trace.add(this.name, `is off by ${this.#stepMs} ms`);
    schedule.after(prng.between(1000, ASTRAY_MS), () => {
      this.#stepMs = 0;
      this.#astrayUntil = schedule.now + AFTER_MS;
    });
  }

  #freeze(ms: number): void {
    const { schedule, trace } = this.#world;
    trace.add(this.name, `freezes for ${ms} ms`);
    this.#frozenUntil = Math.max(this.#frozenUntil, schedule.now + ms);
    this.options.onFrozen(ms);
  }
}
