import { statSync } from 'node:fs';
import { join } from 'node:path';
import { type BrokerProcess, startBrokerProcess } from '../broker-process.ts';
import type { History } from './history.ts';
import type { Network } from './network.ts';

/** Where the brokers of a run keep their data. */
export type Place = {
  readonly name: 'lmdb' | 'dynamodb';
  readonly args: readonly string[];
  /** The folder of the data, where there is one. */
  readonly folder: string | undefined;
  /** Each broker in a PID namespace of its own, as in a container. */
  readonly isContained?: boolean | undefined;
};

type Doors = { readonly rest: Network; readonly stomp: Network };

/** What a confined broker may still write before its disk is full. */
const SPARE_KIBIBYTES = 64;

/** Two brokers on the same data, one the master and one the standby; the doors lead to whoever is the master. */
export class Brokers {
  readonly #place: Place;
  readonly #doors: Doors;
  readonly #history: History;
  #master: BrokerProcess | undefined;
  readonly #living = new Set<BrokerProcess>();
  #waiting: (() => void)[] = [];
  #started = 0;
  /** What brokers wrote to their error output, by name. */
  readonly logs: (() => string)[] = [];
  /** Ends that nobody asked for, as after a full disk. */
  ends = 0;

  constructor(place: Place, doors: Doors, history: History) {
    this.#place = place;
    this.#doors = doors;
    this.#history = history;
  }

  /** The present master; waits until there is one. */
  async master(): Promise<BrokerProcess> {
    while (!this.#master) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.#master;
  }

  /** Starts another broker, which waits as the standby if there is a master. @param isConfined true for a full disk */
  start(isConfined = false): BrokerProcess {
    const name = `broker-${++this.#started}`;
    const broker = startBrokerProcess(this.#place.args, undefined, {
      onMaster: ({ url, stompUrl }) => this.#follow(name, broker, url, stompUrl),
      isContained: this.#place.isContained,
      fileKibibytes: isConfined ? this.#dataKibibytes() + SPARE_KIBIBYTES : undefined,
    });
    this.#living.add(broker);
    this.logs.push(() => `--- ${name}\n${broker.errors()}`);
    broker.process.once('exit', () => {
      if (this.#living.delete(broker)) this.ends++;
      this.#leave(broker);
    });
    return broker;
  }

  async end(broker: BrokerProcess, signal: NodeJS.Signals): Promise<void> {
    this.#living.delete(broker);
    this.#leave(broker);
    await broker.end(signal);
  }

  /** Stops a process as it is; whoever takes over is followed. */
  pause(broker: BrokerProcess): void {
    broker.signal('SIGSTOP');
    this.#leave(broker);
  }

  /** Where nobody could take over, it is still the master; where somebody is about to, he says so. */
  resume(broker: BrokerProcess): void {
    broker.signal('SIGCONT');
    this.#master ??= broker;
  }

  /** At once: for the end of this process. */
  kill(): void {
    for (const { process } of this.#living) process.kill('SIGKILL');
  }

  get all(): readonly BrokerProcess[] {
    return [...this.#living];
  }

  #follow(name: string, broker: BrokerProcess, url: string, stompUrl: string): void {
    this.#history.note({ kind: 'master', broker: name });
    this.#master = broker;
    this.#doors.rest.target = targetOf(url);
    this.#doors.stomp.target = targetOf(stompUrl);
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #leave(broker: BrokerProcess): void {
    if (this.#master === broker) this.#master = undefined;
  }

  #dataKibibytes(): number {
    return Math.ceil(statSync(join(this.#place.folder ?? '', 'store', 'data.mdb')).size / 1024);
  }
}

function targetOf(url: string): { host: string; port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}
