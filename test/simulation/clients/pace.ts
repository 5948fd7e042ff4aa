import type { Prng } from '../prng.ts';
import type { Schedule } from '../schedule.ts';

/** At night clients rest this many times longer. */
const NIGHT = 300;

type Resting = { readonly usualMs: number; readonly rise: () => void };

/** How busy clients are. Whoever still rests when the day breaks gets up soon. */
export class Pace {
  readonly #prng: Prng;
  readonly #schedule: Schedule;
  readonly #resting = new Set<Resting>();
  #factor = 1;

  constructor(prng: Prng, schedule: Schedule) {
    this.#prng = prng;
    this.#schedule = schedule;
  }

  /** Calls back after a rest of about `usualMs` by day. */
  rest(usualMs: number, onRisen: () => void): void {
    const rise = () => {
      if (this.#resting.delete(resting)) onRisen();
    };
    const resting = { usualMs, rise };
    this.#resting.add(resting);
    this.#schedule.after(this.#prng.latency(usualMs * this.#factor), rise);
  }

  nightFalls(): void {
    this.#factor = NIGHT;
  }

  dayBreaks(): void {
    this.#factor = 1;
    for (const { usualMs, rise } of this.#resting) this.#schedule.after(this.#prng.latency(usualMs), rise);
  }
}
