import type { AckMode } from '../model/message.ts';
import type { Reference } from './reference.ts';

/**
 * Everything a shard knows. Sequence numbers count from 1 by inbox position. Those from `references[0].first` on are
 * fresh: nobody had them. Below, a message is in flight, returned (ready again), or done.
 */
export type State = {
  /** Tells tokens of this shard from those of a deleted one of the same name. */
  readonly incarnation: string;
  /** The sequence that the next message gets. */
  readonly next: number;
  /** Fresh messages, in order, without a gap up to `next`. The first may be partly drawn. */
  readonly references: readonly Reference[];
  /** Where the bodies of messages in flight and returned lie, in order; level 0. */
  readonly held: readonly Reference[];
  /** In the order of delivery. */
  readonly flights: readonly Flight[];
  /** In the order of sequence; they go before the fresh ones. */
  readonly returned: readonly Returned[];
  readonly consumers: readonly Consumer[];
  readonly nextConsumer: number;
  /** The number of the consumer that was served last: the next one is first in turn. */
  readonly rotation: number;
  readonly counts: Counts;
  /** Ids of the last entries, and of those last repeated: the beginnings, which are enough to tell. */
  readonly recent: readonly string[];
  readonly repeated: readonly string[];
  readonly sources: readonly Source[];
  /** The minute of the last wake-up that was scheduled; 0 if none was. */
  readonly wake: number;
  /** Undefined when none was called for lately. */
  readonly extension: Extension | undefined;
};

/** How far the extension of bodies has come. A long backlog takes it longer than one invocation lasts. */
export type Extension = {
  /** Bodies of sequences below this are done, as far as they were due. */
  readonly upTo: number;
  /** When it began, which counts as the birth of all that it extends; in seconds since the epoch. */
  readonly born: number;
  /** When it was last called for, or last said how far it is; in seconds since the epoch. */
  readonly seen: number;
};

/** Messages with a consumer, unacknowledged. */
export type Flight = {
  readonly first: number;
  readonly count: number;
  /** The consumer's `number`. */
  readonly consumer: number;
  /** Which delivery of the message this is, from 1. */
  readonly attempt: number;
  /** How many deliveries ended in a way that counts. */
  readonly failures: number;
  readonly transient: boolean;
  /** Committed before the push: under a dead nonce nobody knows whether it went out. */
  readonly pushing: boolean;
  readonly redelivered: boolean;
  /** When it comes back by itself, in milliseconds since the epoch; 0 if only with its consumer. */
  readonly deadline: number;
};

/** Messages that are ready again. */
export type Returned = {
  readonly first: number;
  readonly count: number;
  readonly attempt: number;
  readonly failures: number;
  readonly transient: boolean;
  readonly redelivered: boolean;
  /** A dead master may have pushed them as `attempt`: an acknowledgement of that still counts. */
  readonly suspect: boolean;
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
  /** Non-persistent messages that may have been pushed under a dead nonce; bodies that are missing. */
  readonly dropped: number;
};

/** Which messages of another shard were taken already: those below `floor` can no longer be told. */
export type Source = {
  readonly source: string;
  readonly floor: number;
  /** Ranges [first, end) at or above the floor, in order. */
  readonly taken: readonly (readonly [number, number])[];
};

export function emptyState(incarnation: string): State {
  return {
    incarnation,
    next: 1,
    references: [],
    held: [],
    flights: [],
    returned: [],
    consumers: [],
    nextConsumer: 1,
    rotation: 0,
    counts: { sent: 0, acknowledged: 0, deadLettered: 0, expired: 0, purged: 0, dropped: 0 },
    recent: [],
    repeated: [],
    sources: [],
    wake: 0,
    extension: undefined,
  };
}
