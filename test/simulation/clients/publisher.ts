import type { Site } from '../site.ts';
import type { World } from '../world.ts';
import { type Outgoing, StompClient } from './stomp-client.ts';

const PATIENCE_MS = 3000;

export type PublisherOptions = {
  readonly topic: string;
  readonly count: number;
  /** How long it rests between requests, about. */
  readonly restMs: number;
  /** The share of messages that are not persistent, and of those that expire. */
  readonly transient: number;
  readonly expiring: number;
};

/** Sends numbered messages to a topic, a few at a time, and repeats what it got no receipt for. */
export class Publisher {
  readonly #world: World;
  readonly #options: PublisherOptions;
  readonly #client: StompClient;
  readonly #name: string;
  #made = 0;
  isDone = false;

  constructor(world: World, site: Site, name: string, options: PublisherOptions) {
    this.#world = world;
    this.#name = name;
    this.#options = options;
    this.#client = new StompClient(world, site, [], { onReady: () => {}, onMessage: () => {}, onGone: () => {} });
    this.#later();
  }

  #later(): void {
    this.#world.pace.rest(this.#options.restMs, () => this.#next());
  }

  #next(): void {
    const { prng } = this.#world;
    const left = this.#options.count - this.#made;
    if (left > 0) this.#transmit(Array.from({ length: Math.min(prng.between(1, 4), left) }, () => this.#make()));
    else this.isDone = true;
  }

  #make(): Outgoing & { readonly body: string } {
    const { prng, schedule, witness } = this.#world;
    const { topic, transient, expiring } = this.#options;
    const body = `${this.#name}.${++this.#made}`;
    const isTransient = prng.chance(transient);
    const expires = prng.chance(expiring) ? schedule.now + prng.between(100, 20_000) : 0;
    witness.audience.make(body, isTransient, expires);
    const headers: Record<string, string> = { destination: `/topic/${topic}` };
    if (isTransient) headers.persistent = 'false';
    if (expires > 0) headers.expires = String(expires);
    return { command: 'SEND', headers, body };
  }

  #transmit(frames: readonly (Outgoing & { readonly body: string })[]): void {
    const { schedule, witness } = this.#world;
    if (!this.#client.isReady) {
      schedule.after(50, () => this.#transmit(frames));
      return;
    }
    let isOver = false;
    const ids = frames.map(({ body }) => body);
    witness.audience.sending(ids);
    this.#client.send(frames, () => {
      if (isOver) return;
      isOver = true;
      witness.audience.receipted(ids);
      this.#later();
    });
    schedule.after(PATIENCE_MS, () => {
      if (isOver) return;
      isOver = true;
      this.#transmit(frames);
    });
  }
}
