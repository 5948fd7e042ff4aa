import type { Caller } from '../../../lib/model/caller.ts';
import type { World } from '../world.ts';

/** How long a reply is being written, about. */
const WRITING_MS = 4;

/** Who waits for a reply, and may hang up before it is written, or in the middle of it. */
export class ImpatientCaller implements Caller {
  readonly #world: World;
  readonly #gone = new AbortController();
  #isWriting = false;

  constructor(world: World) {
    this.#world = world;
  }

  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Whoever goes while the reply is written may have had some of it. */
  readonly mayHaveHeard = () => this.#isWriting;

  hangUp(): void {
    this.#gone.abort();
  }

  /** Goes when the reply is there and has not gone out whole. */
  hangUpOnReply(): void {
    const { prng, schedule } = this.#world;
    this.#isWriting = prng.chance(0.5);
    schedule.after(prng.latency(WRITING_MS), () => this.hangUp());
  }
}
