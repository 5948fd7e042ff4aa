import { Waiters } from '../../functions/waiters.ts';
import type { DispatchEvent } from '../../lib/handlers/events.ts';
import { BrokerError } from '../../lib/model/errors.ts';
import { Host } from './host.ts';
import type { Runtime } from './site.ts';
import type { World } from './world.ts';

const COLD_START = 0.05;
/** For how long a deployment has old code beside the new: no message's retention is as short. */
const OLD_CODE_MS = 10 * 60_000;

/** The cloud: an invocation takes any idle sandbox, or a new one; two versions of the code run side by side. */
export class Sandboxes implements Runtime {
  readonly epoch = '';
  readonly #world: World;
  readonly #dispatch: (event: DispatchEvent) => void;
  readonly #idle: Host[] = [];
  readonly #begunAt: number;
  #count = 0;
  #isDeployed = false;

  constructor(world: World, dispatch: (event: DispatchEvent) => void) {
    this.#world = world;
    this.#begunAt = world.schedule.now;
    this.#dispatch = dispatch;
  }

  take(): Host {
    const { prng } = this.#world;
    const idle = prng.chance(COLD_START) ? undefined : this.#idle.splice(prng.between(0, this.#idle.length - 1), 1)[0];
    return idle ?? this.#start();
  }

  giveBack(host: Host): void {
    if (!host.isDead && !(this.#isOver() && host.options.isOldCode)) this.#idle.push(host);
  }

  deploy(): void {
    this.#idle.length = 0;
    this.#isDeployed = true;
  }

  stop(): void {}

  #start(): Host {
    const waiters = new Waiters();
    const host: Host = new Host(this.#world, `lambda-${++this.#count}`, {
      epoch: this.epoch,
      endsWithReply: true,
      skewMs: this.#skew(),
      isOldCode: !this.#isOver() && this.#world.faults.strike('older code'),
      dispatch: async (shard, nonce, hops) => {
        this.#world.witness.passedOn(shard, nonce);
        const isUnheard = this.#world.faults.strike('dispatch unheard');
        this.#dispatch({ shard, nonce, hops });
        if (isUnheard) throw new BrokerError('UNAVAILABLE', 'The function did not answer.');
      },
      wakeAt: (shard, _, at) => {
        if (at !== undefined && waiters.shouldWait(shard, at, host.now)) this.#dispatch({ shard, at });
      },
      onKilled: () => {},
      onFrozen: () => {},
    });
    return host;
  }

  #isOver(): boolean {
    return this.#isDeployed || this.#world.schedule.now - this.#begunAt > OLD_CODE_MS;
  }

  /** Clocks differ by less than what the lease allows for. */
  #skew(): number {
    const { prng, faults, limits } = this.#world;
    if (!faults.strike('clock skewed')) return 0;
    const most = Math.floor(limits.skewMs / 2) - 1;
    return prng.between(-most, most);
  }
}
