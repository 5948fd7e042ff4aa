/** Who sent what and who got what, by the number in the body: tells lost, invented and repeated messages apart. */
export class Ledger {
  readonly #sent = new Map<number, string>();
  readonly #confirmed = new Set<number>();
  readonly #got = new Map<number, number>();
  readonly #acknowledged = new Set<number>();
  readonly invented: string[] = [];
  /** Repeats that did not say so. */
  readonly unflagged: number[] = [];
  /** Numbers whose first arrival said that it was a redelivery. */
  readonly flaggedFirst: number[] = [];
  /** Numbers that came again after their acknowledgement was confirmed. */
  readonly returned: number[] = [];
  readonly #waiting: { readonly isDone: () => boolean; readonly resolve: () => void }[] = [];

  sending(index: number, body: string): void {
    this.#sent.set(index, body);
  }

  confirmed(index: number): void {
    this.#confirmed.add(index);
    this.#check();
  }

  got(index: number, body: string, redelivered: boolean): void {
    if (this.#sent.get(index) !== body) {
      this.invented.push(body.slice(0, 40));
      return;
    }
    if (this.#acknowledged.has(index)) this.returned.push(index);
    const before = this.#got.get(index) ?? 0;
    if (before > 0 && !redelivered) this.unflagged.push(index);
    if (before === 0 && redelivered) this.flaggedFirst.push(index);
    this.#got.set(index, before + 1);
    this.#check();
  }

  /** The broker confirmed the acknowledgement. */
  acknowledged(index: number): void {
    this.#acknowledged.add(index);
    this.#check();
  }

  has(index: number): boolean {
    return this.#got.has(index);
  }

  get confirmedCount(): number {
    return this.#confirmed.size;
  }

  get acknowledgedCount(): number {
    return this.#acknowledged.size;
  }

  get distinct(): number {
    return this.#got.size;
  }

  /** Confirmed, and never got. */
  get lost(): number[] {
    return [...this.#confirmed].filter((index) => !this.#got.has(index));
  }

  get repeated(): number[] {
    return [...this.#got].flatMap(([index, times]) => (times > 1 ? [index] : []));
  }

  /** Resolves once `isDone` holds; looked at after each confirmation and arrival. */
  until(isDone: () => boolean): Promise<void> {
    if (isDone()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ isDone, resolve }));
  }

  #check(): void {
    for (const waiting of [...this.#waiting]) {
      if (!waiting.isDone()) continue;
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      waiting.resolve();
    }
  }
}
