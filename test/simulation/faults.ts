import type { Prng } from './prng.ts';

/** What may go wrong, and how often: the probability at each place where it can. */
const faultRates = {
  /** An invocation dies before a request of its leaves, or after it was carried out. */
  'killed before a step': 0.004,
  'killed after a step': 0.006,
  /** A write happened, and its reply was lost. */
  'reply lost': 0.01,
  /** A request is under way for longer than a lease lasts. */
  'step delayed past the lease': 0.004,
  /** An invocation stands still, and goes on as if nothing had been: a stale master. */
  'invocation frozen': 0.006,
  'write throttled': 0.01,
  'theft refused': 0.15,
  'invocation duplicated': 0.03,
  'invocation reordered': 0.1,
  'frame duplicated': 0.02,
  'dispatch lost': 0.05,
  /** Another invocation is asked for, and who asks hears of a failure. */
  'dispatch unheard': 0.03,
  'sweep lost': 0.12,
  'connection dropped': 0.02,
  'connection vanished': 0.02,
  'post refused': 0.03,
  'post unknown and lost': 0.01,
  'post unknown and sent': 0.01,
  'post swallowed': 0.012,
  'expired late': 0.5,
  'expired in time': 0.5,
  'older code': 0.03,
  'clock skewed': 0.5,
  /** A dead-letter queue takes nothing for a while. */
  'dead letters refused': 0.05,
  /** Self-hosted: nobody runs, for longer than bodies are kept where they expire. */
  'broker off at night': 0.3,
  /** A machine's clock is minutes off for a while. */
  'clock stepped': 0.0007,
} as const;

/** How many times its usual rate a fault may have: more, and nothing ever comes to an end. */
const WORST = 3;

/** What would excuse too much if it struck in most stories. */
const rare: readonly string[] = ['clock stepped'];

export type FaultKind = keyof typeof faultRates;
export const faultKinds = Object.keys(faultRates) as FaultKind[];

/**
 * Throws the dice, as often as the seed's weather has it, and counts what came of it. Each seed has its own mix, in
 * which some kinds never strike and some far more often: what needs one fault after another of the same kind, or none
 * of another, happens as well.
 */
export class Faults {
  readonly #prng: Prng;
  readonly counts = new Map<FaultKind, number>();
  /** 0 is calm, 1 usual, more is worse. */
  #weather: number;
  readonly #mix: ReadonlyMap<FaultKind, number>;

  constructor(prng: Prng) {
    this.#prng = prng;
    this.#weather = prng.pick([0, 0.3, 1, 1, 1, 2, 3]);
    this.#mix = new Map(
      faultKinds.map((kind) => [kind, prng.pick(rare.includes(kind) ? [0, 0, 0, 1, 5] : [0, 1, 1, 1, 5])]),
    );
  }

  get isCalm(): boolean {
    return this.#weather === 0;
  }

  mayStrike(kind: FaultKind): boolean {
    return this.#weather > 0 && (this.#mix.get(kind) ?? 0) > 0;
  }

  strike(kind: FaultKind): boolean {
    const often = Math.min(WORST, this.#weather * (this.#mix.get(kind) ?? 1));
    if (often === 0 || !this.#prng.chance(Math.min(0.5, faultRates[kind] * often))) return false;
    this.count(kind);
    return true;
  }

  count(kind: FaultKind): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
  }

  /** From here on all is well. */
  stop(): void {
    this.#weather = 0;
  }
}
