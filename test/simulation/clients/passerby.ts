import type { Site } from '../site.ts';
import type { World } from '../world.ts';
import { StompClient } from './stomp-client.ts';

const LONGEST_STAY_MS = 60;

/** Subscribes to a queue, and goes at once: perhaps before that is done. */
export class Passerby {
  readonly #world: World;
  readonly #shard: string;
  #connection: string | undefined;
  #hasLeft = false;

  constructor(world: World, site: Site, queue: string) {
    this.#world = world;
    this.#shard = `/queue/${queue}`;
    const headers = { id: 'passerby', destination: this.#shard, ack: 'client-individual' };
    const nothing = () => {};
    const client = new StompClient(world, site, [{ command: 'SUBSCRIBE', headers }], {
      onReady: nothing,
      onMessage: nothing,
      onGone: nothing,
    });
    world.schedule.after(world.prng.between(1, LONGEST_STAY_MS), () => {
      this.#connection = client.connection;
      client.end(true);
      this.#hasLeft = true;
    });
  }

  /** It has left, and the queue has forgotten it. */
  get isGone(): boolean {
    const connection = this.#connection;
    const isForgotten = connection === undefined || !this.#world.witness.shard(this.#shard).hasConsumerOf(connection);
    return this.#hasLeft && isForgotten;
  }
}
