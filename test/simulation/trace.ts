import { createHash } from 'node:crypto';

/** What happened, in order: always as a hash, and as lines where somebody wants to read them. */
export class Trace {
  readonly #hash = createHash('sha256');
  readonly lines: string[] | undefined;
  readonly #now: () => number;
  readonly #start: number;

  constructor(now: () => number, isKept: boolean) {
    this.#now = now;
    this.#start = now();
    this.lines = isKept ? [] : undefined;
  }

  /** @param detail what a reader wants to know besides; made only where lines are kept */
  add(who: string, what: string, detail?: () => string): void {
    const at = this.#now() - this.#start;
    this.#hash.update(`${at} ${who} ${what}\n`);
    if (!this.lines) return;
    const more = detail ? `  ${detail()}` : '';
    this.lines.push(`${(at / 1000).toFixed(3).padStart(9)} s  ${who.padEnd(14)} ${what}${more}`);
  }

  hash(): string {
    return this.#hash.digest('hex').slice(0, 16);
  }
}
