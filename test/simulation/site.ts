import { connectHandler } from '../../lib/handlers/connect.ts';
import { disconnectHandler } from '../../lib/handlers/disconnect.ts';
import { dispatchHandler } from '../../lib/handlers/dispatch.ts';
import type { DispatchEvent } from '../../lib/handlers/events.ts';
import { frameHandler } from '../../lib/handlers/frame.ts';
import { sweepHandler } from '../../lib/handlers/sweep.ts';
import { must, Violation } from './checks/violation.ts';
import type { Host } from './host.ts';
import type { Peer } from './network.ts';
import { Processes } from './processes.ts';
import type { Work } from './requests.ts';
import { Sandboxes } from './sandboxes.ts';
import type { World } from './world.ts';

const GATEWAY_MS = 3;
const REORDERED_MS = 120;
const MINUTE_MS = 60_000;
/** A request takes no longer than this, however long it waits and tries again. */
const ANSWERED_MS = 60_000;

const noContext = {} as never;

/** Where invocations run. */
export type Runtime = {
  /** Begins the ids of connections that a self-hosted broker makes now. */
  readonly epoch: string;
  /** Undefined while there is none. */
  readonly take: () => Host | undefined;
  readonly giveBack: (host: Host) => void;
  /** Everywhere the same code, from here on. */
  readonly deploy: () => void;
  /** Nothing runs for so long, where it is a process that may be stopped. */
  readonly stop: (ms: number) => void;
};

/** At most one of these is called; neither, if the invocation dies. */
type Ending<R> = { readonly onReply?: (reply: R) => void; readonly onFailure?: (error: unknown) => void };

/** Where requests go: to one of many sandboxes in the cloud, or to the one process of a self-hosted broker. */
export class Site {
  readonly isSelfHosted: boolean;
  readonly #world: World;
  readonly #runtime: Runtime;
  /** A self-hosted broker takes the frames of one connection one after the other. */
  readonly #queues = new Map<string, Promise<void>>();
  #isSweeping = true;
  readonly #running = new Set<{ readonly label: string; readonly host: Host; readonly since: number }>();

  constructor(world: World, isSelfHosted: boolean) {
    this.#world = world;
    this.isSelfHosted = isSelfHosted;
    const dispatch = (event: DispatchEvent) => this.#dispatch(event);
    this.#runtime = isSelfHosted ? new Processes(world, dispatch, () => this.sweep()) : new Sandboxes(world, dispatch);
    this.#sweepEachMinute();
  }

  /** Makes a connection; `onOpen` has its id once the gateway has let it in. */
  open(peer: Peer, onOpen: (connection: string) => void): void {
    const connection = this.#runtime.epoch + this.#world.prng.id();
    const event = { requestContext: { connectionId: connection } };
    this.request('connect', (environment) => connectHandler(environment)(event, noContext), {
      onReply: () => {
        // A process that is the master no more has closed its sockets.
        if (!connection.startsWith(this.#runtime.epoch)) return;
        this.#world.network.open(connection, peer);
        onOpen(connection);
      },
    });
  }

  /** Takes one WebSocket message. */
  frame(connection: string, octets: Buffer): void {
    const event = { requestContext: { connectionId: connection }, body: octets.toString('utf8') };
    this.request('frame', (environment) => frameHandler(environment)(event, noContext), { inOrderOf: connection });
    const { faults, witness } = this.#world;
    if (this.isSelfHosted || octets.includes('SUBSCRIBE') || !faults.strike('frame duplicated')) return;
    witness.duplicated(octets);
    this.request('frame again', (environment) => frameHandler(environment)(event, noContext), {});
  }

  disconnect(connection: string): void {
    const event = { requestContext: { connectionId: connection } };
    const times = !this.isSelfHosted && this.#world.faults.strike('invocation duplicated') ? 2 : 1;
    for (let time = 0; time < times; time++) {
      this.request('disconnect', (environment) => disconnectHandler(environment)(event, noContext), {
        inOrderOf: connection,
      });
    }
  }

  sweep(): void {
    this.request('sweep', (environment) => sweepHandler(environment)(undefined, noContext), {});
  }

  deploy(): void {
    this.#runtime.deploy();
  }

  stop(ms: number): void {
    this.#runtime.stop(ms);
  }

  stopSweeping(): void {
    this.#isSweeping = false;
  }

  #dispatch(event: DispatchEvent): void {
    const { faults } = this.#world;
    const times = faults.strike('dispatch lost') ? 0 : faults.strike('invocation duplicated') ? 2 : 1;
    const label = event.nonce === undefined ? 'wake' : 'dispatch';
    for (let time = 0; time < times; time++) {
      this.request(label, (environment) => dispatchHandler(environment)(event, noContext), {});
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

  /** Nobody whose request reached a process that lives waits for ever: at most, until its clock is where it was. */
  checkAnswered(): void {
    const { schedule, witness } = this.#world;
    const { now } = schedule;
    const waiting = [...this.#running].filter(
      ({ host, since }) => !host.isGone && now - since > ANSWERED_MS + witness.skewMs,
    );
    const labels = waiting.map(({ label, since, host }) => [label, host.name, now - since]);
    must(waiting.length === 0, 'a request is answered', labels);
  }

  /** One invocation, after the way that it takes to get there. */
  request<R>(
    label: string,
    work: Work<R>,
    { inOrderOf, ...ending }: Ending<R> & { readonly inOrderOf?: string },
  ): void {
    const { schedule, prng, faults } = this.#world;
    const isReordered = !this.isSelfHosted && faults.strike('invocation reordered');
    const ms = prng.latency(isReordered ? REORDERED_MS : GATEWAY_MS);
    const turn = inOrderOf !== undefined && this.isSelfHosted ? this.#queues.get(inOrderOf) : undefined;
    const start = async () => {
      await turn;
      const host = this.#runtime.take();
      if (host) await this.#run(host, label, work, ending);
    };
    const started = new Promise<void>((resolve) => schedule.after(ms, () => void start().then(resolve)));
    if (inOrderOf !== undefined && this.isSelfHosted) this.#queues.set(inOrderOf, started);
  }

  async #run<R>(host: Host, label: string, work: Work<R>, { onReply, onFailure }: Ending<R>): Promise<void> {
    const { trace } = this.#world;
    trace.add(host.name, `begins ${label}`);
    const running = { label, host, since: this.#world.schedule.now };
    // Who wakes up later is waited for by nobody.
    if (label !== 'wake') this.#running.add(running);
    try {
      const reply = await work(host.environment);
      if (!host.isDead) onReply?.(reply);
    } catch (error) {
      trace.add(host.name, `fails ${label}`, () => String(error));
      if (error instanceof Violation) this.#world.schedule.fail(error);
      else this.#world.witness.failed(error);
      onFailure?.(error);
    }
    this.#running.delete(running);
    this.#runtime.giveBack(host);
  }
}
