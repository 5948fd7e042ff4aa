import type { Request } from '../../lib/shard/codec/entry.ts';
import { endOf } from '../../lib/shard/state/ranges.ts';
import type { Reference } from '../../lib/shard/state/reference.ts';
import type { State } from '../../lib/shard/state/state.ts';
import type { Transactions } from './shard-transactions.ts';

/** A message as its sender gave it, under the sequence that its place in the inbox gives it. */
export type Sent = {
  readonly sequence: number;
  readonly key: string;
  readonly index: number;
  readonly transient: boolean;
  /** 0 if never. */
  readonly expires: number;
  /** The place of its entry among all that were ever appended. */
  readonly appended: number;
};

/** What a consumer was told with a message. */
export type Given = { readonly sequence: number; readonly attempt: number; readonly consumer: number };

/** Where a message that is not done stands, by a state. */
export type Standing = {
  readonly key: string;
  readonly index: number;
  /** 0 if ready. */
  readonly consumer: number;
  readonly attempt: number;
  readonly failures: number;
  readonly transient: boolean;
  readonly redelivered: boolean;
  readonly suspect: boolean;
  readonly pushing: boolean;
  /** Its delivery ended with its connection. */
  readonly lost: boolean;
  /** Its number among what is forwarded; 0 if it stays. */
  readonly outgoing: number;
  /** An acknowledgement by message id left open whether it was meant. */
  readonly isLeft: boolean;
  /** When it is ready again, if it is delayed; else 0. */
  readonly until: number;
};

/**
 * Every message of a state on its own, as if there were no ranges, pages or held references.
 * Throws where two of them tell of one message, or none tells where its body lies.
 */
export function standingsOf(state: State, pageOf: (key: string) => readonly Reference[]): Map<number, Standing> {
  const standings = new Map<number, Standing>();
  const put = (sequence: number, standing: Standing) => {
    if (standings.has(sequence)) throw new Error(`message ${sequence} stands in two places`);
    standings.set(sequence, standing);
  };
  let next = state.references[0]?.first ?? state.next;
  const fresh = (reference: Reference, from: number): void => {
    if (reference.level > 0) {
      for (const child of pageOf(reference.key)) if (endOf(child) > from) fresh(child, from);
      return;
    }
    for (let sequence = Math.max(from, reference.first); sequence < endOf(reference); sequence++) {
      if (sequence !== next++) throw new Error(`fresh messages have a gap before ${sequence}`);
      const index = reference.offset + sequence - reference.first;
      const { key, transient, flagged } = reference;
      const past = { consumer: 0, attempt: 0, failures: 0, suspect: false, pushing: false, lost: false };
      put(sequence, { key, index, transient, redelivered: flagged, ...past, outgoing: 0, isLeft: false, until: 0 });
    }
  };
  for (const reference of state.references) fresh(reference, reference.first);
  if (next !== state.next) throw new Error(`fresh messages end at ${next}, not at ${state.next}`);
  const bodyOf = (sequence: number) => {
    const held = state.held.filter((reference) => sequence >= reference.first && sequence < endOf(reference));
    const [reference] = held;
    if (!reference || held.length > 1) throw new Error(`${held.length} held references name message ${sequence}`);
    return { key: reference.key, index: reference.offset + sequence - reference.first };
  };
  for (const range of [...state.flights, ...state.returned, ...state.delayed]) {
    const { attempt, failures, transient, redelivered } = range;
    const flight = 'consumer' in range ? { consumer: range.consumer, pushing: range.pushing } : undefined;
    const place = flight ?? { consumer: 0, pushing: false };
    const again = 'suspect' in range ? { suspect: range.suspect, lost: range.lost } : { suspect: false, lost: false };
    const until = 'until' in range ? range.until : 0;
    const isLeft = 'isLeft' in range && range.isLeft === true;
    const past = { attempt, failures, transient, redelivered, ...again, ...place, outgoing: 0, isLeft, until };
    for (let s = range.first; s < endOf(range); s++) put(s, { ...bodyOf(s), ...past });
  }
  for (const { first, count, failures, number } of state.outgoing) {
    const flags = { transient: false, redelivered: true, suspect: false, lost: false, pushing: false };
    const past = { attempt: 0, isLeft: false, until: 0, ...flags };
    for (let i = 0; i < count; i++) {
      put(first + i, { ...bodyOf(first + i), ...past, failures, consumer: 0, outgoing: number + i });
    }
  }
  return standings;
}

/** Deliveries by consumer, in their order: what a cumulative acknowledgement speaks of. */
export class Deliveries {
  readonly #byConsumer = new Map<number, Given[]>();

  add(given: Given): void {
    const mine = this.#byConsumer.get(given.consumer) ?? [];
    mine.push(given);
    this.#byConsumer.set(given.consumer, mine);
  }

  /** Whether the entry speaks of this delivery. */
  covers(
    entry: Request,
    sequence: number,
    attempt: number,
    sequenceOf: (key: string, index: number) => number,
  ): boolean {
    switch (entry.kind) {
      case 'acknowledge':
      case 'reject':
        return entry.deliveries.some((d) => d.attempt === attempt && sequence >= d.first && sequence < endOf(d));
      case 'acknowledge-up-to':
      case 'reject-up-to':
        return this.#isUpTo(sequence, attempt, entry.sequence, entry.deliveryAttempt);
      case 'acknowledge-message':
      case 'reject-message': {
        const named = sequenceOf(entry.key, entry.index);
        return named === sequence || (entry.upTo && this.#isUpTo(sequence, attempt, named, undefined));
      }
      default:
        return false;
    }
  }

  #isUpTo(sequence: number, attempt: number, upTo: number, ofAttempt: number | undefined): boolean {
    return [...this.#byConsumer.values()].some((mine) => {
      const last = mine.findLastIndex((d) => d.sequence === upTo && (ofAttempt ?? d.attempt) === d.attempt);
      return mine.slice(0, last + 1).some((d) => d.sequence === sequence && d.attempt === attempt);
    });
  }
}

/** What happened so far, as the world around the shard knows it. */
export type History = {
  readonly sent: Map<number, Sent>;
  readonly deliveries: Deliveries;
  /** Messages that a consumer had, or may have had. */
  readonly handed: Set<number>;
  /** Those, and what else may rightly be flagged: told apart no longer, or within a dead master's reach. */
  readonly touched: Set<number>;
  /** Transient messages that a dead master may have pushed. */
  readonly over: Set<number>;
  /** Messages of pushes whose end nobody heard of. */
  readonly unheard: Set<number>;
  /** The last first delivery, by consumer. */
  readonly latest: Map<number, number>;
  /** Where an entry's first attempt to arrive lies among all that were appended. */
  readonly appendedAt: Map<string, number>;
  /** Messages that a consumer wants nobody to have again. */
  readonly refused: Set<number>;
  /** What another shard took, by its forward number. */
  readonly forwarded: Map<number, number>;
  readonly transactions: Transactions;
};
