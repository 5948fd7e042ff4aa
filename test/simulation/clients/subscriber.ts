import type { Site } from '../site.ts';
import type { World } from '../world.ts';
import { StompClient } from './stomp-client.ts';

/** Stays subscribed to a topic, and subscribes again whenever its connection has ended. */
export class Subscriber {
  readonly #world: World;
  readonly #client: StompClient;
  readonly #name: string;
  readonly #lifeMs: number;
  #life = 0;

  /** @param lifeMs how often its connection may break, about */
  constructor(world: World, site: Site, name: string, topic: string, lifeMs: number) {
    this.#world = world;
    this.#name = name;
    this.#lifeMs = lifeMs;
    const log = world.witness.audience;
    const headers = { id: name, destination: `/topic/${topic}`, ack: 'auto' };
    log.subscribing(this.#who);
    this.#client = new StompClient(world, site, [{ command: 'SUBSCRIBE', headers }], {
      onReady: () => {
        log.confirmed(this.#who);
        this.#breakSometimes(this.#life);
      },
      onMessage: (frame) => log.delivered(this.#who, frame),
      onGone: () => {
        log.gone(this.#who);
        this.#life++;
        log.subscribing(this.#who);
      },
    });
  }

  get client(): StompClient {
    return this.#client;
  }

  get #who(): string {
    return `${this.#name}/${this.#life}`;
  }

  #breakSometimes(life: number): void {
    const { faults, pace } = this.#world;
    pace.rest(this.#lifeMs, () => {
      if (life !== this.#life) return;
      if (faults.strike('connection dropped')) this.#client.drop(true);
      else if (faults.strike('connection vanished')) this.#client.drop(false);
      else this.#breakSometimes(life);
    });
  }
}
