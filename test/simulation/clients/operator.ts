import { queueOf, shardOf } from '../../../lib/broker/shards.ts';
import { deadLetterQueueOf, deadLetterSource } from '../../../lib/model/destination.ts';
import { BrokerError } from '../../../lib/model/errors.ts';
import { requests } from '../requests.ts';
import type { Site } from '../site.ts';
import type { World } from '../world.ts';

/** A request that nobody answered has had its effect by then, or never will. */
const PATIENCE_MS = 30_000;

export type OperatorOptions = {
  readonly queue: string;
  /** How long it rests between requests, about. */
  readonly restMs: number;
  /** The share of requests that purge the queue, and of those that delete it; the others browse. */
  readonly purges: number;
  readonly deletes: number;
};

/** Looks into a queue, empties it, deletes it. */
export class Operator {
  readonly #world: World;
  readonly #site: Site;
  readonly #options: OperatorOptions;
  #isOver = false;

  constructor(world: World, site: Site, options: OperatorOptions) {
    this.#world = world;
    this.#site = site;
    this.#options = options;
    this.#later();
  }

  end(): void {
    this.#isOver = true;
  }

  #later(): void {
    this.#world.pace.rest(this.#options.restMs, () => {
      if (this.#isOver) return;
      this.#act();
      this.#later();
    });
  }

  #act(): void {
    const { prng } = this.#world;
    const { purges, deletes } = this.#options;
    const dice = prng.fraction();
    if (dice < purges) this.#empty('purge');
    else if (dice < purges + deletes) this.#empty('remove');
    else this.#browse();
  }

  /** What was sent before it is over may go, and nothing that is sent after its reply. */
  #empty(verb: 'purge' | 'remove'): void {
    const { schedule, witness } = this.#world;
    const { queue } = this.#options;
    const { isOver } = witness.history.sent.emptying(sourceOf(queue));
    const onFailure = (error: unknown) => isOver(error instanceof BrokerError && error.code === 'QUEUE_IN_USE');
    this.#site.request(verb, requests[verb](queue), { onReply: () => isOver(false), onFailure });
    schedule.after(PATIENCE_MS, () => isOver(false));
  }

  /** The queue, then its dead letters: whatever goes from one to the other meanwhile is in the second. */
  #browse(): void {
    const { history } = this.#world.witness;
    const { queue } = this.#options;
    const source = sourceOf(queue);
    const wanted = history.sent.unended().filter((sent) => sent.queue === source);
    this.#look(source, (alive) => {
      this.#look(deadLetterQueueOf(source), (dead) => history.browsed(source, wanted, new Set([...alive, ...dead])));
    });
  }

  #look(queue: string, onReply: (bodies: readonly string[]) => void): void {
    this.#site.request('browse', requests.browse(queue), { onReply });
  }
}

/** The queue whose messages a queue holds: of a dead-letter queue, the one that they were sent to. */
function sourceOf(queue: string): string {
  return queueOf(deadLetterSource(shardOf(queue)));
}
