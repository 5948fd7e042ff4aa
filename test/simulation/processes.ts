import type { DispatchEvent } from '../../lib/handlers/events.ts';
import { Host } from './host.ts';
import type { Runtime } from './site.ts';
import type { World } from './world.ts';

const RESTART_MS = 2000;

/** A self-hosted broker: one process is the master, and another takes over when it dies or stands still. */
export class Processes implements Runtime {
  readonly #world: World;
  readonly #dispatch: (event: DispatchEvent) => void;
  readonly #onStart: () => void;
  readonly #alarms = new Map<string, number>();
  #count = 0;
  #offUntil = 0;
  #master: Host | undefined;

  /** @param onStart told of each process that has become the master */
  constructor(world: World, dispatch: (event: DispatchEvent) => void, onStart: () => void) {
    this.#world = world;
    this.#dispatch = dispatch;
    this.#onStart = onStart;
    this.#start();
  }

  get epoch(): string {
    return this.#master?.options.epoch ?? '';
  }

  take(): Host | undefined {
    return this.#master;
  }

  giveBack(): void {}

  deploy(): void {}

  stop(ms: number): void {
    this.#offUntil = this.#world.schedule.now + ms;
    this.#master?.kill();
  }

  /** An old process that still runs may write nothing, and its connections are gone. */
  #start(): void {
    const { prng, schedule, network } = this.#world;
    if (schedule.now < this.#offUntil) {
      schedule.after(this.#offUntil - schedule.now, () => this.#start());
      return;
    }
    this.#master?.fence();
    network.closeAll();
    this.#alarms.clear();
    const host: Host = new Host(this.#world, `process-${++this.#count}`, {
      epoch: prng.id().slice(0, 8),
      endsWithReply: false,
      skewMs: 0,
      isOldCode: false,
      dispatch: async (shard, nonce) => this.#dispatch({ shard, nonce }),
      wakeAt: (shard, at) => this.#setAlarm(host, shard, at),
      onKilled: () => {
        if (this.#master !== host) return;
        this.#master = undefined;
        network.closeAll();
        schedule.after(prng.between(1, RESTART_MS), () => this.#start());
      },
      onFrozen: (ms) => this.#replaceLater(host, ms),
    });
    this.#master = host;
    this.#onStart();
  }

  #replaceLater(host: Host, frozenMs: number): void {
    const { prng, schedule, limits } = this.#world;
    if (this.#master !== host || frozenMs < 2 * limits.leaseMs) return;
    schedule.after(prng.between(limits.leaseMs, frozenMs), () => {
      if (this.#master === host) this.#start();
    });
  }

  /** One timer a shard, as the server has it. */
  #setAlarm(host: Host, shard: string, at: number): void {
    const { schedule } = this.#world;
    const set = this.#alarms.get(shard);
    // A process that was replaced has timers of its own.
    if (this.#master !== host || (set !== undefined && set <= at)) return;
    this.#alarms.set(shard, at);
    schedule.after(at - host.now, () => {
      if (this.#master !== host || this.#alarms.get(shard) !== at) return;
      this.#alarms.delete(shard);
      this.#dispatch({ shard });
    });
  }
}
