import { Waiters } from '../../functions/waiters.ts';
import { receive } from '../../lib/broker/receive.ts';
import { acknowledge, extend, reject, type Settlement } from '../../lib/broker/settlement.ts';
import { connectHandler } from '../../lib/handlers/connect.ts';
import { disconnectHandler } from '../../lib/handlers/disconnect.ts';
import { dispatchHandler } from '../../lib/handlers/dispatch.ts';
import type { DispatchEvent } from '../../lib/handlers/events.ts';
import { frameHandler } from '../../lib/handlers/frame.ts';
import type { Bench } from '../../lib/handlers/parts.ts';
import { sweepHandler } from '../../lib/handlers/sweep.ts';
import type { Delivery } from '../../lib/model/message.ts';
import { Violation } from './checks/violation.ts';
import { Host } from './host.ts';
import type { Peer } from './network.ts';
import type { World } from './world.ts';

const GATEWAY_MS = 3;
const REORDERED_MS = 120;
const MINUTE_MS = 60_000;
const RESTART_MS = 2000;
const COLD_START = 0.05;

const noContext = {} as never;

type Work<R> = (bench: Bench) => Promise<R>;

/** Where requests go: to one of many sandboxes in the cloud, or to the one process of a self-hosted broker. */
export class Site {
  readonly isSelfHosted: boolean;
  readonly #world: World;
  #hosts = 0;
  readonly #idle: Host[] = [];
  #process: Host | undefined;
  /** A self-hosted broker takes the frames of one connection one after the other. */
  readonly #queues = new Map<string, Promise<void>>();
  readonly #alarms = new Map<string, number>();
  #isSweeping = true;
  #isDeployed = false;

  constructor(world: World, isSelfHosted: boolean) {
    this.#world = world;
    this.isSelfHosted = isSelfHosted;
    if (isSelfHosted) this.#start();
    this.#sweepEachMinute();
  }

  /** Makes a connection; `onOpen` has its id once the gateway has let it in. */
  open(peer: Peer, onOpen: (connection: string) => void): void {
    const connection = (this.#process?.options.epoch ?? '') + this.#world.prng.id();
    const event = { requestContext: { connectionId: connection } };
    this.#invoke('connect', (bench) => connectHandler(bench)(event, noContext), {
      onReply: () => {
        // A process that is the master no more has closed its sockets.
        if (this.#process && !connection.startsWith(this.#process.options.epoch)) return;
        this.#world.network.open(connection, peer);
        onOpen(connection);
      },
    });
  }

  /** Takes one WebSocket message. */
  frame(connection: string, octets: Buffer): void {
    const event = { requestContext: { connectionId: connection }, body: octets.toString('utf8') };
    this.#invoke('frame', (bench) => frameHandler(bench)(event, noContext), { inOrderOf: connection });
    const { faults, witness } = this.#world;
    if (this.isSelfHosted || octets.includes('SUBSCRIBE') || !faults.strike('frame duplicated')) return;
    witness.duplicated(octets);
    this.#invoke('frame again', (bench) => frameHandler(bench)(event, noContext), {});
  }

  disconnect(connection: string): void {
    const event = { requestContext: { connectionId: connection } };
    const times = !this.isSelfHosted && this.#world.faults.strike('invocation duplicated') ? 2 : 1;
    for (let time = 0; time < times; time++) {
      this.#invoke('disconnect', (bench) => disconnectHandler(bench)(event, noContext), { inOrderOf: connection });
    }
  }

  pull(
    queue: string,
    request: { readonly max: number; readonly waitMs: number; readonly visibilityMs: number },
    onReply: (deliveries: readonly Delivery[]) => void,
  ): void {
    this.#invoke(
      'receive',
      this.#ended((bench) => receive(bench.broker, queue, request)),
      { onReply },
    );
  }

  settle(
    verb: 'acknowledge' | 'reject' | 'extend',
    tokens: readonly string[],
    visibilityMs: number,
    onReply: (settlements: readonly Settlement[]) => void,
  ): void {
    const work: Work<Settlement[]> = ({ broker }) => {
      if (verb === 'extend') return extend(broker, tokens, visibilityMs);
      return (verb === 'reject' ? reject : acknowledge)(broker, tokens);
    };
    this.#invoke(verb, this.#ended(work), { onReply });
  }

  sweep(): void {
    this.#invoke('sweep', (bench) => sweepHandler(bench)(undefined, noContext), {});
  }

  /** Everywhere the same code, from here on. */
  deploy(): void {
    this.#idle.length = 0;
    this.#isDeployed = true;
  }

  stopSweeping(): void {
    this.#isSweeping = false;
  }

  /** A Lambda function replies when all that it deferred is done. */
  #ended<R>(work: Work<R>): Work<R> {
    return async (bench) => {
      const reply = await work(bench);
      if (bench.parts.endsWithReply) await bench.afterwards.settled();
      return reply;
    };
  }

  #dispatch(event: DispatchEvent): void {
    const { faults } = this.#world;
    const times = faults.strike('dispatch lost') ? 0 : faults.strike('invocation duplicated') ? 2 : 1;
    const label = event.nonce === undefined ? 'wake' : 'dispatch';
    for (let time = 0; time < times; time++) {
      this.#invoke(label, (bench) => dispatchHandler(bench)(event, noContext), {});
    }
  }

  #sweepEachMinute(): void {
    const { schedule, faults, prng } = this.#world;
    schedule.after(MINUTE_MS - (schedule.now % MINUTE_MS) + prng.between(0, 500), () => {
      if (this.#isSweeping && !faults.strike('sweep lost')) this.sweep();
      if (this.#isSweeping && faults.strike('invocation duplicated')) this.sweep();
      this.#sweepEachMinute();
    });
  }

  #invoke<R>(
    label: string,
    work: Work<R>,
    { onReply, inOrderOf }: { readonly onReply?: (reply: R) => void; readonly inOrderOf?: string },
  ): void {
    const { schedule, prng, faults } = this.#world;
    const isReordered = !this.isSelfHosted && faults.strike('invocation reordered');
    const ms = prng.latency(isReordered ? REORDERED_MS : GATEWAY_MS);
    const turn = inOrderOf !== undefined && this.isSelfHosted ? this.#queues.get(inOrderOf) : undefined;
    const start = async () => {
      await turn;
      const host = this.#process ?? (this.isSelfHosted ? undefined : this.#takeHost());
      if (!host) return;
      await this.#run(host, label, work, onReply);
    };
    const started = new Promise<void>((resolve) => schedule.after(ms, () => void start().then(resolve)));
    if (inOrderOf !== undefined && this.isSelfHosted) this.#queues.set(inOrderOf, started);
  }

  async #run<R>(host: Host, label: string, work: Work<R>, onReply: ((reply: R) => void) | undefined): Promise<void> {
    const { trace } = this.#world;
    trace.add(host.name, `begins ${label}`);
    try {
      const reply = await work(host.bench);
      if (!host.isDead) onReply?.(reply);
    } catch (error) {
      trace.add(host.name, `fails ${label}`, () => String(error));
      if (error instanceof Violation) this.#world.schedule.fail(error);
      else this.#world.witness.failed(error);
    }
    if (!this.isSelfHosted && !host.isDead && !(this.#isDeployed && host.options.isOldCode)) this.#idle.push(host);
  }

  #takeHost(): Host {
    const { prng } = this.#world;
    const idle = prng.chance(COLD_START) ? undefined : this.#idle.splice(prng.between(0, this.#idle.length - 1), 1)[0];
    if (idle) return idle;
    const waiters = new Waiters();
    const host: Host = new Host(this.#world, `lambda-${++this.#hosts}`, {
      epoch: '',
      endsWithReply: true,
      skewMs: this.#skew(),
      isOldCode: this.#world.faults.strike('older code'),
      dispatch: async (shard, nonce, hops) => this.#dispatch({ shard, nonce, hops }),
      alarm: (shard, _, at) => {
        if (at !== undefined && waiters.shouldWait(shard, at, host.now)) this.#dispatch({ shard, at });
      },
      onKilled: () => {},
      onFrozen: () => {},
    });
    return host;
  }

  /** Clocks differ by less than what the lease allows for. */
  #skew(): number {
    const { prng, faults, limits } = this.#world;
    if (!faults.strike('clock skewed')) return 0;
    const most = Math.floor(limits.skewMs / 2) - 1;
    return prng.between(-most, most);
  }

  /** A new process is the master: an old one that still runs may write nothing, and its connections are gone. */
  #start(): void {
    const { prng, schedule, limits, network } = this.#world;
    this.#process?.fence();
    network.closeAll();
    this.#alarms.clear();
    const host: Host = new Host(this.#world, `process-${++this.#hosts}`, {
      epoch: prng.id().slice(0, 8),
      endsWithReply: false,
      skewMs: 0,
      isOldCode: false,
      dispatch: async (shard, nonce) => this.#dispatch({ shard, nonce }),
      alarm: (shard, at) => this.#setAlarm(host, shard, at),
      onKilled: () => {
        if (this.#process !== host) return;
        this.#process = undefined;
        network.closeAll();
        schedule.after(prng.between(1, RESTART_MS), () => this.#start());
      },
      onFrozen: (ms) => {
        if (this.#process !== host || ms < 2 * limits.leaseMs) return;
        schedule.after(prng.between(limits.leaseMs, ms), () => {
          if (this.#process === host) this.#start();
        });
      },
    });
    this.#process = host;
    this.sweep();
  }

  /** One timer a shard, as the server has it. */
  #setAlarm(host: Host, shard: string, at: number): void {
    const { schedule } = this.#world;
    const set = this.#alarms.get(shard);
    if (set !== undefined && set <= at) return;
    this.#alarms.set(shard, at);
    schedule.after(at - schedule.now, () => {
      if (this.#process !== host || this.#alarms.get(shard) !== at) return;
      this.#alarms.delete(shard);
      this.#dispatch({ shard });
    });
  }
}
