import { BrokerError } from '../model/errors.ts';

/** After this a damaged shard is looked at again: it may have been mended. */
const QUARANTINE_MS = 60_000;

/**
 * Shards that were found damaged: what is stored of them cannot be read. Requests to them fail at once, instead of
 * filling an inbox that nobody can absorb; all others go on.
 */
export class Quarantine {
  readonly #damaged = new Map<string, { readonly damage: BrokerError; readonly until: number }>();

  add(shard: string, damage: BrokerError, now: number): void {
    this.#damaged.set(shard, { damage, until: now + QUARANTINE_MS });
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
