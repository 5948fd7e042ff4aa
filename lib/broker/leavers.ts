const REMEMBERED = 4096;

/**
 * Consumers that leave by this process. What a turn gave them before it saw that they leave is not pushed any more, so
 * that nothing comes after the receipt of their UNSUBSCRIBE. @see STOMP 1.2 UNSUBSCRIBE
 */
export class Leavers {
  readonly #ids = new Set<string>();

  add(consumers: readonly string[]): void {
    for (const id of consumers) this.#ids.add(id);
    for (const oldest of this.#ids) {
      if (this.#ids.size <= REMEMBERED) return;
      this.#ids.delete(oldest);
    }
  }

  /** They stay after all, since nobody could be told. */
  remove(consumers: readonly string[]): void {
    for (const id of consumers) this.#ids.delete(id);
  }

  has(consumer: string): boolean {
    return this.#ids.has(consumer);
  }
}
