/** One stream of numbers drives a whole simulation: the same seed gives the same story. */
export class Prng {
  #state: number;

  constructor(seed: number) {
    this.#state = Math.imul(seed + 1, 0x9e3779b1) >>> 0;
  }

  /** From 0 up to but not including 1. @see mulberry32 */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.fraction() * (most - least + 1));
  }

  pick<T>(options: readonly [T, ...T[]]): T {
    return options[this.between(0, options.length - 1)] ?? options[0];
  }

  /** Mostly short, now and then long: what a network takes. At least 1. */
  latency(usual: number): number {
    return 1 + Math.floor(-Math.log(1 - this.fraction()) * usual);
  }

  /** 16 characters of base64url, as the broker's ids are. */
  id(): string {
    const bytes = Buffer.alloc(12);
    for (let at = 0; at < 12; at += 4) bytes.writeUInt32BE(Math.floor(this.fraction() * 2 ** 32), at);
    return bytes.toString('base64url');
  }
}
