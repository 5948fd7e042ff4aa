import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Prng } from '../simulation/prng.ts';
import type { Duty } from './process/duty.ts';

type Script = 'stomp-producer' | 'rest-producer' | 'stomp-consumer' | 'rest-consumer';
type Client = { readonly script: Script; readonly duty: Duty; process: ChildProcess };
type Urls = { readonly tcp: string; readonly ws: string; readonly http: string };

/** The producers and consumers of a run, each a process of its own with its own history. */
export class Clients {
  readonly #folder: string;
  readonly #queues: readonly string[];
  readonly #clients: Client[] = [];
  #started = 0;

  constructor(folder: string, urls: Urls, queues: readonly string[]) {
    this.#folder = folder;
    this.#queues = queues;
    const producers = [
      ['stomp-producer', urls.tcp],
      ['stomp-producer', urls.ws],
      ['rest-producer', urls.http],
    ] as const;
    for (const [first, [script, url]] of producers.entries()) {
      this.#start(script, { url, first, step: producers.length, queues });
    }
    const everywhere = [...queues, ...queues.map((queue) => `DLQ.${queue}`)];
    this.#start('stomp-consumer', { url: urls.tcp, queues });
    this.#start('stomp-consumer', { url: urls.ws, queues });
    this.#start('stomp-consumer', { url: urls.tcp, queues, ack: 'client' });
    this.#start('rest-consumer', { url: urls.http, queues: everywhere });
  }

  get histories(): readonly string[] {
    return this.#clients.map(({ duty }) => duty.history);
  }

  get queues(): readonly string[] {
    return this.#queues;
  }

  /** At once: for the end of this process. */
  kill(): void {
    for (const { process } of this.#clients) process.kill('SIGKILL');
  }

  async endProducers(): Promise<void> {
    await this.#endAll(this.#clients.filter(({ script }) => script.endsWith('producer')));
  }

  async endAll(): Promise<void> {
    await this.#endAll(this.#clients);
  }

  /** What it had and did not acknowledge is another's; one like it comes in its place. */
  async killConsumer(prng: Prng): Promise<void> {
    const consumers = this.#clients.filter(({ script, process }) => script === 'stomp-consumer' && isRunning(process));
    const victim = consumers[prng.between(0, consumers.length - 1)];
    if (!victim) return;
    victim.process.kill('SIGKILL');
    await once(victim.process, 'exit');
    this.#start(victim.script, victim.duty);
  }

  #start(script: Script, duty: Partial<Duty> & Pick<Duty, 'url' | 'queues'>): void {
    const name = `client-${++this.#started}`;
    const history = join(this.#folder, `${name}.jsonl`);
    const full: Duty = { first: 0, step: 1, ack: 'client-individual', ...duty, name, history };
    appendFileSync(history, '');
    const path = fileURLToPath(new URL(`process/${script}.ts`, import.meta.url));
    const process = spawn(globalThis.process.execPath, [path, JSON.stringify(full)], {
      stdio: ['pipe', 'inherit', 'inherit'],
    });
    this.#clients.push({ script, duty: full, process });
  }

  async #endAll(clients: readonly Client[]): Promise<void> {
    const running = clients.filter(({ process }) => isRunning(process));
    await Promise.all(
      running.map(async ({ process }) => {
        const ended = once(process, 'exit');
        process.kill('SIGTERM');
        await ended;
      }),
    );
  }
}

function isRunning({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null;
}
