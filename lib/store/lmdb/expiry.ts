import { damagedPart } from './database.ts';
import type { GroupCommit } from './group-commit.ts';
import type { OnDamage, Ranges } from './ranges.ts';
import { expiryOf } from './stamped.ts';

const STEP_KEYS = 50;
const STEP_MS = 50;
const PASS_MS = 6 * 60 * 60 * 1000;
const SECOND_MS = 1000;

/**
 * Drops records that have expired, such as those of a connection whose end nobody saw. It goes through them a few at a
 * time and then rests, so that no write pays for an index. Bodies have no part in this: one that nobody consumed yet
 * stays, however long the broker was off and whatever its clock says. So do records in and beside a damaged page.
 */
export class Expiry {
  readonly #ranges: Ranges;
  readonly #writes: GroupCommit;
  readonly #onDamage: OnDamage;
  #timer: NodeJS.Timeout | undefined;

  constructor(ranges: Ranges, writes: GroupCommit, onDamage: OnDamage) {
    this.#ranges = ranges;
    this.#writes = writes;
    this.#onDamage = onDamage;
  }

  start(): void {
    this.#tryStep(Buffer.alloc(1));
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #step(start: Buffer): void {
    const { keys, isWhole } = this.#ranges.keysToRemove('records', { start, limit: STEP_KEYS });
    if (!isWhole) this.#onDamage(damagedPart({ table: 'records' }));
    const nowSeconds = Date.now() / SECOND_MS;
    if (isWhole) for (const key of keys) this.#dropExpired(key.toString(), nowSeconds);
    const last = keys.at(-1);
    if (last && keys.length === STEP_KEYS) this.#later(STEP_MS, Buffer.concat([last, Buffer.alloc(1)]));
    else this.#later(PASS_MS, Buffer.alloc(1));
  }

  #later(delayMs: number, start: Buffer): void {
    this.#timer = setTimeout(() => {
      if (!this.#writes.failed) this.#tryStep(start);
    }, delayMs).unref();
  }

  /** Whoever reads what cannot be read is told. Neither a start nor a timer must end of it. */
  #tryStep(start: Buffer): void {
    try {
      this.#step(start);
    } catch {
      this.#later(PASS_MS, Buffer.alloc(1));
    }
  }

  #dropExpired(name: string, nowSeconds: number): void {
    const value = this.#writes.get('records', name, { table: 'records' });
    if (value && expiryOf(value) <= nowSeconds) this.#writes.remove('records', name);
  }
}
