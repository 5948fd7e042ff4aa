import { hasDeadLetters, isTopic } from '../../lib/broker/shards.ts';
import { BrokerError } from '../../lib/model/errors.ts';
import { decodeEntry } from '../../lib/shard/codec/entry.ts';
import type { Append, Head } from '../../lib/store/port.ts';
import type { Faults } from './faults.ts';
import type { Prng } from './prng.ts';
import type { Schedule } from './schedule.ts';

/** How a shard refuses what others append to it; `unheard`: it takes it, and nobody is told. */
const refusals = ['throttled', 'full', 'unheard', 'damaged'] as const;
/** Those of an embedded store, which is asked no more than it can do. */
const ownRefusals = ['full', 'unheard', 'damaged'] as const;
export type Refusal = (typeof refusals)[number];

const SHORTEST_MS = 1000;
const LONGEST_MS = 40_000;

/** Times in which dead-letter queues take nothing, nor others what is forwarded to them. */
export class Outages {
  readonly #prng: Prng;
  readonly #schedule: Schedule;
  readonly #faults: Faults;
  readonly #isEmbedded: boolean;
  #refusal: Refusal = 'throttled';
  #until = 0;
  /** How often something was refused since `begin`. */
  refused = 0;

  constructor(prng: Prng, schedule: Schedule, faults: Faults, isEmbedded: boolean) {
    this.#prng = prng;
    this.#isEmbedded = isEmbedded;
    this.#schedule = schedule;
    this.#faults = faults;
  }

  /** From now on, until `end`. */
  begin(): void {
    this.#start(Number.POSITIVE_INFINITY);
  }

  end(): void {
    this.#until = 0;
  }

  /** What becomes of this append; undefined if nothing is in its way. Who only rings is let through. */
  refusalOf(shard: string, { entries }: Append, head: Head | undefined): Refusal | undefined {
    if (isTopic(shard) || entries.length === 0) return undefined;
    if (hasDeadLetters(shard) && !entries.some((entry) => decodeEntry(entry).kind === 'forward')) return undefined;
    if (this.#schedule.now >= this.#until) {
      if (!this.#faults.strike('dead letters refused')) return undefined;
      this.#start(this.#prng.between(SHORTEST_MS, LONGEST_MS));
    }
    this.refused++;
    return this.#refusal === 'full' && !head ? 'throttled' : this.#refusal;
  }

  #start(ms: number): void {
    this.#refusal = this.#prng.pick(this.#isEmbedded ? ownRefusals : refusals);
    this.#until = this.#schedule.now + ms;
    this.refused = 0;
  }
}

/** What the store throws where it refuses. */
export function errorOf(shard: string, refusal: Refusal): BrokerError {
  if (refusal === 'damaged') return new BrokerError('CORRUPT', `${shard} is damaged.`, { details: { shard } });
  if (refusal === 'unheard') return new BrokerError('UNAVAILABLE', 'The store did not answer.');
  return new BrokerError('OVERLOADED', 'The store is throttling.');
}
