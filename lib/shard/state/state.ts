import type { AckMode } from '../../model/message.ts';
import type { Past } from './past.ts';
import type { Reference } from './reference.ts';

/**
 * Everything a shard knows. Sequence numbers count from 1 by inbox position. Those that `references` name are fresh:
 * nobody had them. Any other message is in flight, returned (ready again), delayed, outgoing, apart, or done.
 */
export type State = {
  /** Tells tokens of this shard from those of a deleted one of the same name. */
  readonly incarnation: string;
  /** The sequence that the next message gets. */
  readonly next: number;
  /** Fresh messages, in order. */
  readonly references: readonly Reference[];
  /** Where the bodies of messages in flight, returned, delayed and outgoing lie, sorted by sequence; level 0. */
  readonly held: readonly Reference[];
  /** In the order of delivery. */
  readonly flights: readonly Flight[];
  /** In the order of sequence; they go before the fresh ones. */
  readonly returned: readonly Returned[];
  /** Rejected for a while, the soonest first. */
  readonly delayed: readonly Delayed[];
  /** On their way to another shard, in the order of their forward numbers. */
  readonly outgoing: readonly Outgoing[];
  /** The number that the next message gets that is forwarded. */
  readonly nextForward: number;
  /** Undefined unless the target refused what was forwarded last. */
  readonly forwardRetry: ForwardRetry | undefined;
  /** Messages whose bodies are missing: out of the way, and neither delivered nor done. */
  readonly apart: readonly Apart[];
  /** Pages whose messages nobody needs any more, to be discarded with what they list. */
  readonly litter: readonly Litter[];
  /** Keys of batches that may be referred to a second time from a page; see `copies`. */
  readonly copies: readonly string[];
  /** The message in front stays for now, and what has expired behind it waits with it. */
  readonly front: Front | undefined;
  readonly consumers: readonly Consumer[];
  readonly nextConsumer: number;
  /** The number of the consumer that was served last: the next one is first in turn. */
  readonly rotation: number;
  readonly counts: Counts;
  /**
   * Ids of the last entries, and of those last repeated: the beginnings, which are enough to tell. A `+` follows that of
   * one that was known when it was repeated.
   */
  readonly recent: readonly string[];
  readonly repeated: readonly string[];
  /** Consumers that left lately, and rejections by message id, by the beginnings of their ids. */
  readonly left: readonly string[];
  readonly rejected: readonly string[];
  /** The shards that forwarded something lately; the last of them is the one that did so last. */
  readonly sources: readonly Source[];
  /** True once a source was forgotten: of what another one forwards, nobody can tell whether it is new. */
  readonly forgotSource: boolean;
  /** The minute of the last wake-up that was scheduled; 0 if none was. */
  readonly wake: number;
  /**
   * The times that somebody sleeps for, to wake the shard, the earliest first; in milliseconds since the epoch, whole
   * seconds. Empty in a self-hosted broker, which has timers.
   */
  readonly awaited: readonly number[];
  /** Undefined when none was called for lately. */
  readonly keepAlive: KeepAlive | undefined;
  /** What transactions sent to other shards, in the order of its numbers. */
  readonly onward: readonly Onward[];
  /** The number that the next message gets that a transaction sends to another shard. */
  readonly nextOnward: number;
  /** Targets that refused what was sent on to them last, or may have taken more than is known. */
  readonly onwardRetries: readonly OnwardRetry[];
  /** What became of the last transactions, in the order in which they were decided. */
  readonly decisions: readonly Decision[];
  /** When the last one was decided of which nobody knows any more; in milliseconds since the epoch, 0 if there is none. */
  readonly forgotDecision: number;
};

/** Messages that a transaction sent to another shard. They have no sequence here. Their bodies stay until it took them. */
export type Onward = {
  readonly target: string;
  /** The number of the first of them among all that transactions of this shard sent on: the target tells repeats by it. */
  readonly number: number;
  readonly count: number;
  /** The batch, and the index of the first of them in it. */
  readonly key: string;
  readonly offset: number;
  /** When the batch was written or last extended, in seconds since the epoch. */
  readonly born: number;
};

/** What is known of a target. */
export type OnwardRetry = {
  readonly target: string;
  /** Not before this, in milliseconds since the epoch; 0: at once. */
  readonly at: number;
  /** How often in a row it refused. */
  readonly tries: number;
  /** It may have taken what has numbers up to this, without anybody here having heard of it. */
  readonly upTo: number;
};

/** What became of a transaction. */
export type Decision = {
  /** The beginning of its entry's id. */
  readonly id: string;
  /** When it was decided, in milliseconds since the epoch. */
  readonly at: number;
  readonly outcome: TransactionOutcome;
  /** What it sent on has the numbers from `first` up to but not including `end`. */
  readonly first: number;
  readonly end: number;
};

/**
 * `over`: one of the deliveries that it was to end was not its consumer's any more. `full`: too much waits for other
 * shards already. Nothing of it happened in both cases.
 */
export type TransactionOutcome = 'committed' | 'over' | 'full';

/** How far the keep-alive of bodies has come. A long backlog takes it longer than one invocation lasts. */
export type KeepAlive = {
  /** Bodies of sequences below this are done, as far as they were due. */
  readonly upTo: number;
  /** When it began, which counts as the birth of all that it extends; in seconds since the epoch. */
  readonly born: number;
  /** When it was last called for, or last said how far it is; in seconds since the epoch. */
  readonly seen: number;
};

/** Messages with a consumer, unacknowledged. */
export type Flight = Past & {
  readonly first: number;
  readonly count: number;
  /** The consumer's `number`. */
  readonly consumer: number;
  /** Committed before the push: under a dead nonce nobody knows whether it went out. */
  readonly pushing: boolean;
  /** When it comes back by itself, in milliseconds since the epoch; 0 if only with its consumer. */
  readonly deadline: number;
  /** A consumer that is connected surely has it, though it has a deadline. */
  readonly arrived?: true;
  /** An acknowledgement by message id left open whether it was meant: that is why it has one. */
  readonly isLeft?: true;
};

/** Messages that are ready again. */
export type Returned = Past & {
  readonly first: number;
  readonly count: number;
  /** A dead master may have pushed them as `attempt`: an acknowledgement of that still counts. */
  readonly suspect: boolean;
  /** Their delivery ended with its connection, or its deadline passed under a dead master: the same. */
  readonly lost: boolean;
};

/** Messages that are with nobody, and ready again when their time has come. */
export type Delayed = Past & {
  readonly first: number;
  readonly count: number;
  /** In milliseconds since the epoch. */
  readonly until: number;
};

/** Messages on their way to another shard. Their bodies are this shard's until the other one has taken them. */
export type Outgoing = {
  readonly first: number;
  readonly count: number;
  /** How many deliveries ended in a way that counts. */
  readonly failures: number;
  /** The number of the first of them among all that this shard ever forwarded: the target tells repeats by it. */
  readonly number: number;
  /** A consumer wants nobody to have them again: they had deliveries left. */
  readonly isRefused?: true;
};

export type ForwardRetry = {
  /** Not before this, in milliseconds since the epoch. */
  readonly at: number;
  /** How often in a row the target refused. */
  readonly tries: number;
  /** Nobody heard what became of some try: the target may have taken it. */
  readonly mayBeTaken: boolean;
};

/** Messages whose body, or whose page, is missing. */
export type Apart = { readonly first: number; readonly count: number; readonly key: string };

/** A page, of which what lies before `first` was used up before it became litter. */
export type Litter = { readonly key: string; readonly first: number };

export type Front = {
  /** The sequence of the message. */
  readonly first: number;
  /** When it expires itself, in milliseconds since the epoch; 0 if never. */
  readonly expires: number;
};

export type Consumer = {
  readonly number: number;
  readonly id: string;
  /** Empty for a pull. */
  readonly connection: string;
  readonly subscription: string;
  readonly ack: AckMode;
  readonly prefetch: number;
  /** When it was last known to be there, in seconds since the epoch, and after how many seconds to ask again. */
  readonly seen: number;
  readonly patience: number;
};

/** What became of all messages that were ever sent to the shard, the ready and those in flight apart. */
export type Counts = {
  readonly sent: number;
  readonly acknowledged: number;
  readonly deadLettered: number;
  readonly expired: number;
  readonly purged: number;
  /** Non-persistent messages that may have been pushed under a dead nonce, or whose bodies are missing. */
  readonly dropped: number;
};

/** Which messages of another shard were taken already, by their forward numbers: those below `floor` can no longer be told. */
export type Source = {
  readonly source: string;
  readonly floor: number;
  /** Ranges [first, end) at or above the floor, in order. */
  readonly taken: readonly (readonly [number, number])[];
  /**
   * It may have given something before it was known: of what it repeats, and of what it sent until this time, only what
   * is in `taken` can be told. In seconds since the epoch.
   */
  readonly anewAt?: number;
  /** The first number that came, unless that is 1. One below it was held up on its way: nobody can tell it, either. */
  readonly first?: number;
};

export function emptyState(incarnation: string): State {
  return {
    incarnation,
    next: 1,
    references: [],
    held: [],
    flights: [],
    returned: [],
    delayed: [],
    outgoing: [],
    nextForward: 1,
    forwardRetry: undefined,
    apart: [],
    litter: [],
    copies: [],
    front: undefined,
    consumers: [],
    nextConsumer: 1,
    rotation: 0,
    counts: { sent: 0, acknowledged: 0, deadLettered: 0, expired: 0, purged: 0, dropped: 0 },
    recent: [],
    repeated: [],
    left: [],
    rejected: [],
    sources: [],
    forgotSource: false,
    wake: 0,
    awaited: [],
    keepAlive: undefined,
    onward: [],
    nextOnward: 1,
    onwardRetries: [],
    decisions: [],
    forgotDecision: 0,
  };
}

/** All references of a state, wherever they lie: what keeps bodies, what frees them and what is oldest goes by them. */
export function roots(state: Pick<State, 'held' | 'references'>): readonly Reference[] {
  return [...state.held, ...state.references];
}
