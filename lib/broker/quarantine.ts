import { BrokerError } from '../model/errors.ts';

/** After this a damaged shard is looked at again: it may have been mended. */
const QUARANTINE_MS = 60_000;

/**
 * Shards that were found damaged: what is stored of them cannot be read. Requests to them fail at once, instead of
 * filling an inbox that nobody can absorb; all others go on.
 */
export class Quarantine {
  readonly #failures = new Map<string, number>();
  readonly #damaged = new Map<string, { readonly damage: BrokerError; readonly until: number }>();

  add(shard: string, damage: BrokerError, now: number): void {
    this.#damaged.set(shard, { damage, until: now + QUARANTINE_MS });
  }

  /** @returns how many turns of the shard failed in a row before this one */
  failed(shard: string): number {
    const before = this.#failures.get(shard) ?? 0;
    this.#failures.set(shard, before + 1);
    return before;
  }

  /** A turn of the shard went through. */
  recovered(shard: string): void {
    this.#failures.delete(shard);
  }

  /** What was damaged is gone. */
  forget(shard: string): void {
    this.#failures.delete(shard);
    this.#damaged.delete(shard);
  }

  /** @throws BrokerError CORRUPT if the shard is set aside */
  check(shard: string, now: number): void {
    const found = this.#damaged.get(shard);
    if (!found) return;
    if (now < found.until) throw found.damage;
    this.#damaged.delete(shard);
  }
}

/**
 * Reads what is stored of a shard.
 * @throws BrokerError CORRUPT, naming the shard; what `read` throws otherwise
 */
export function readStored<T>(shard: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof BrokerError) || error.code !== 'CORRUPT') throw error;
    const { message, details } = error;
    throw new BrokerError('CORRUPT', `${shard} is damaged: ${message}`, {
      cause: error,
      details: { ...details, shard },
    });
  }
}

/** The damage that makes it pointless to go on with this shard; undefined for any other failure. */
export function damageOf(shard: string, error: unknown): BrokerError | undefined {
  const isDamage = error instanceof BrokerError && error.code === 'CORRUPT' && error.details.shard === shard;
  return isDamage ? error : undefined;
}
