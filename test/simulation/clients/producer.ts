import { bodyOf } from '../bodies.ts';
import type { Site } from '../site.ts';
import type { World } from '../world.ts';
import { StompClient } from './stomp-client.ts';

const PATIENCE_MS = 3000;

export type ProducerOptions = {
  readonly queue: string;
  readonly count: number;
  /** How long it rests between requests, about. */
  readonly restMs: number;
  /** The share of messages that are not persistent, and of those that expire. */
  readonly transient: number;
  readonly expiring: number;
  /** The most octets of a body. Default: what its name takes. */
  readonly bodyBytes?: number;
};

type Made = { readonly id: string; readonly headers: Record<string, string>; readonly body: string };

/** Sends numbered messages, a few at a time, and repeats what it got no receipt for. */
export class Producer {
  readonly #world: World;
  readonly #options: ProducerOptions;
  readonly #client: StompClient;
  readonly #name: string;
  #made = 0;
  isDone = false;

  constructor(world: World, site: Site, name: string, options: ProducerOptions) {
    this.#world = world;
    this.#name = name;
    this.#options = options;
    this.#client = new StompClient(world, site, [], { onReady: () => {}, onMessage: () => {}, onGone: () => {} });
    this.#later(() => this.#next());
  }

  get client(): StompClient {
    return this.#client;
  }

  #later(run: () => void): void {
    this.#world.pace.rest(this.#options.restMs, run);
  }

  #next(): void {
    const { prng, schedule, witness } = this.#world;
    const { count, transient, expiring, queue, bodyBytes } = this.#options;
    if (this.#made >= count) {
      this.isDone = true;
      return;
    }
    const size = Math.min(prng.between(1, 4), count - this.#made);
    const messages = Array.from({ length: size }, () => {
      const headers: Record<string, string> = { destination: `/queue/${queue}` };
      if (prng.chance(transient)) headers.persistent = 'false';
      if (prng.chance(expiring)) headers.expires = String(schedule.now + prng.between(100, 20_000));
      const id = `${this.#name}.${++this.#made}`;
      return { id, headers, body: bodyBytes === undefined ? id : bodyOf(id, prng.between(0, bodyBytes)) };
    });
    witness.history.make(queue, messages);
    this.#transmit(messages);
  }

  #transmit(messages: readonly Made[]): void {
    const { schedule, witness } = this.#world;
    if (!this.#client.isReady) {
      schedule.after(50, () => this.#transmit(messages));
      return;
    }
    let isOver = false;
    witness.history.sent.sending(messages.map(({ id }) => id));
    const frames = messages.map(({ headers, body }) => ({ command: 'SEND', headers, body }));
    this.#client.send(frames, () => {
      if (isOver) return;
      isOver = true;
      witness.history.receipted(messages.map(({ id }) => id));
      this.#later(() => this.#next());
    });
    schedule.after(PATIENCE_MS, () => {
      if (isOver) return;
      isOver = true;
      this.#transmit(messages);
    });
  }
}
