import { BrokerError } from '../../model/errors.ts';
import type { Limits } from '../../model/limits.ts';
import type { Message } from '../../model/message.ts';
import { endOf } from './ranges.ts';
import type { Reference } from './reference.ts';
import type {
  Apart,
  Consumer,
  Counts,
  Decision,
  Delayed,
  Flight,
  ForwardRetry,
  Front,
  KeepAlive,
  Litter,
  Onward,
  OnwardRetry,
  Outgoing,
  Returned,
  Source,
  State,
} from './state.ts';

/** What a turn is told about the world. */
export type Context = {
  /** By this invocation's clock, in milliseconds since the epoch: what deadlines go by. */
  readonly now: number;
  /** What the calendar says, in milliseconds since the epoch: what the expiry of a message goes by. */
  readonly date: number;
  readonly limits: Limits;
  /** True in the first turn after a dead master: what it might have pushed comes under suspicion. */
  readonly takeover: boolean;
  /** Connections of a self-hosted broker begin with its epoch; others died with an earlier process. Empty: none do. */
  readonly epoch: string;
  /** What exhausted its deliveries goes to a dead-letter queue. False in a dead-letter queue. */
  readonly deadLetters: boolean;
  /**
   * How many subscriptions are to get every message of a topic, as they were after its head was read. Undefined where
   * each message goes to one of the shard's own consumers.
   */
  readonly audience: number | undefined;
  /**
   * True where bodies go by their expiry, so that what is needed is kept alive and the rest need not be discarded; false
   * where they stay until they are discarded.
   */
  readonly bodiesExpire: boolean;
  /** Connections that take nothing more for now, since they read too slowly. */
  readonly congested: ReadonlySet<string>;
  /**
   * Consumers whose last push the transport refused, by their ids, and when each is given something again; in
   * milliseconds since the epoch. What is ready goes to others until then.
   */
  readonly refused: ReadonlyMap<string, number>;
  /** Fresh: the beginning of the keys of the pages that this turn writes. */
  readonly pageKey: string;
};

/** Immutable items that were read so far. Undefined: not read yet; null: read, and missing. */
export type Lookup = {
  readonly page: (key: string) => readonly Reference[] | null | undefined;
  readonly batch: (key: string) => readonly Message[] | null | undefined;
};

/** What must be read before the turn can be decided. */
export type Needs = { readonly kind: 'needs'; readonly pages: readonly string[]; readonly batches: readonly string[] };

/** A receive that waits for its messages in this turn. */
export type Pull = { readonly id: string; readonly max: number; readonly deadline: number };

/** A state in the making: the steps of a turn change it in place, and nobody else sees it. */
export type Draft = {
  readonly incarnation: string;
  next: number;
  references: Reference[];
  held: Reference[];
  flights: Flight[];
  returned: Returned[];
  delayed: Delayed[];
  outgoing: Outgoing[];
  nextForward: number;
  forwardRetry: ForwardRetry | undefined;
  apart: Apart[];
  litter: Litter[];
  copies: string[];
  front: Front | undefined;
  consumers: Consumer[];
  nextConsumer: number;
  rotation: number;
  counts: { -readonly [name in keyof Counts]: number };
  recent: string[];
  repeated: string[];
  left: string[];
  rejected: string[];
  sources: Source[];
  forgotSource: boolean;
  wake: number;
  awaited: readonly number[];
  keepAlive: KeepAlive | undefined;
  onward: readonly Onward[];
  nextOnward: number;
  onwardRetries: readonly OnwardRetry[];
  decisions: readonly Decision[];
  forgotDecision: number;
  pulls: Pull[];
  /** Acknowledgements of deliveries that no commit has shown yet. */
  early: number;
  /** Keys of items that were used up. */
  spent: string[];
  /** How many pages the turn has written. */
  pages: number;
  /** A push gave back what the plan had given away: nobody rings for that. */
  givenBack: boolean;
  /** What became of what was sent out made room that others wait for. */
  hasFreed: boolean;
  /** While the inbox is absorbed that a dead master may have absorbed: what ends there it may have pushed again. */
  isAbsorbedAgain: boolean;
  /** A transaction was decided that hangs on more than the places of entries: nothing goes out before a commit has it. */
  hasDecided: boolean;
};

export function draftOf(state: State): Draft {
  return {
    ...state,
    references: [...state.references],
    held: [...state.held],
    flights: [...state.flights],
    returned: [...state.returned],
    delayed: [...state.delayed],
    outgoing: [...state.outgoing],
    apart: [...state.apart],
    litter: [...state.litter],
    copies: [...state.copies],
    consumers: [...state.consumers],
    counts: { ...state.counts },
    recent: [...state.recent],
    repeated: [...state.repeated],
    left: [...state.left],
    rejected: [...state.rejected],
    sources: [...state.sources],
    pulls: [],
    early: 0,
    spent: [],
    pages: 0,
    givenBack: false,
    hasFreed: false,
    isAbsorbedAgain: false,
    hasDecided: false,
  };
}

export function stateOf(draft: Draft): State {
  const { pages: _pages, pulls: _pulls, early: _early, spent: _spent, ...rest } = draft;
  const { givenBack: _givenBack, hasFreed: _hasFreed, ...more } = rest;
  const { isAbsorbedAgain: _isAbsorbedAgain, hasDecided: _hasDecided, ...state } = more;
  return {
    ...state,
    references: [...draft.references],
    held: [...draft.held],
    flights: [...draft.flights],
    returned: [...draft.returned],
    delayed: [...draft.delayed],
    outgoing: [...draft.outgoing],
    apart: [...draft.apart],
    litter: [...draft.litter],
    copies: [...draft.copies],
    consumers: [...draft.consumers],
    counts: { ...draft.counts },
  };
}

export function readyCount(state: Pick<State, 'references' | 'returned'>): number {
  return total(state.references) + total(state.returned);
}

export function total(ranges: readonly { readonly count: number }[]): number {
  let sum = 0;
  for (const range of ranges) sum += range.count;
  return sum;
}

/** Where the body of a message that was drawn lies. */
export function locate(held: readonly Reference[], sequence: number): Reference {
  let low = 0;
  let high = held.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const reference = held[middle] as Reference;
    if (sequence < reference.first) high = middle - 1;
    else if (sequence >= endOf(reference)) low = middle + 1;
    else return reference;
  }
  throw new BrokerError('CORRUPT', `The shard's state does not say where message ${sequence} lies.`);
}
