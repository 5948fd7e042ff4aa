import type { Congestion } from '../model/congestion.ts';
import type { BrokerError } from '../model/errors.ts';
import type { Limits } from '../model/limits.ts';
import type { Delivery } from '../model/message.ts';
import type { Metric } from '../model/metrics.ts';
import type { PushOutcome } from '../shard/conclude/conclude.ts';
import type { Forward, ForwardOutcome } from '../shard/plan/forwards.ts';
import type { Consumer, KeepAlive } from '../shard/state/state.ts';
import type { Head, Store } from '../store/port.ts';
import type { BodyCache } from './bodies/body-cache.ts';
import type { Browsing } from './browsing.ts';
import type { Leavers } from './leavers.ts';
import type { Lines } from './lines.ts';
import type { Quarantine } from './quarantine.ts';

/** Time, as the broker is given it, in milliseconds since the epoch. */
export type Clock = {
  /** For all that lasts: deadlines, leases, waits. Where one process measures it, it never goes back. */
  readonly now: () => number;
  /** What the calendar says: for what others date, such as the expiry of a message. Never later than `now`. */
  readonly date: () => number;
  readonly sleep: (ms: number) => Promise<void>;
};

/** Randomness, as the broker is given it. */
export type Random = {
  /** 96 fresh bits as 16 characters of base64url. */
  readonly id: () => string;
  /** From 0 up to but not including 1. */
  readonly fraction: () => number;
};

/** Where deliveries to connections go. */
export type Outlet = {
  /** Gives deliveries to a subscription, in order, within `timeoutMs`. */
  readonly deliver: (
    connection: string,
    subscription: string,
    deliveries: readonly Delivery[],
    timeoutMs: number,
  ) => Promise<PushOutcome>;
  /**
   * Gives a member of an audience all of these, in order: what is refused for now is tried again, within the time. A
   * connection that does not take them all is closed, since it must not go on with a gap.
   * @param deliveries the same array for every member that gets the same
   * @returns false if the connection is gone or was closed
   */
  readonly feed: (
    connection: string,
    subscription: string,
    deliveries: readonly Delivery[],
    timeoutMs: number,
  ) => Promise<boolean>;
  /** Tells the client of a subscription why it gets no more, and closes its connection. */
  readonly refuse: (connection: string, subscription: string, error: BrokerError) => Promise<void>;
  readonly isOpen: (connection: string) => Promise<boolean>;
  /** Undefined where nobody can know of any. */
  readonly congestion?: Congestion | undefined;
};

/** What concerns the people who run the broker; it holds no bodies and no credentials. */
export type Log = (event: string, details: Readonly<Record<string, unknown>>, error?: BrokerError) => void;

/**
 * Takes counts, and readings of gauges, in the metric's unit. `shard` is whose they are, if they are one's. Called for
 * a turn or a request, never for a message.
 */
export type Meter = (metric: Metric, value: number, shard?: string) => void;

/** What a turn leaves to be done to other shards and connections. A turn calls for it, and knows nothing of how. */
export type Effects = {
  /** @param until not begun later, in milliseconds since the epoch: when the lease of the source ends */
  readonly forward: (
    broker: Broker,
    shard: string,
    incarnation: string,
    forwarded: Forward,
    until: number,
  ) => Promise<ForwardOutcome>;
  readonly keepAlive: (broker: Broker, shard: string, due: KeepAlive) => Promise<void>;
  readonly probe: (broker: Broker, shard: string, consumers: readonly Consumer[]) => Promise<unknown>;
};

/** Everything that the broker's verbs are made from. */
export type Broker = {
  readonly store: Store;
  readonly outlet: Outlet;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: Limits;
  /** Begins every nonce and connection id of a self-hosted broker, and no other process's; empty in the cloud. */
  readonly epoch: string;
  readonly bodies: BodyCache;
  readonly quarantine: Quarantine;
  readonly leavers: Leavers;
  readonly lines: Lines;
  readonly browsing: Browsing;
  /** Does work that no reply waits for: at once in a server, before its end in a Lambda invocation. */
  readonly defer: (work: () => Promise<unknown>) => void;
  /**
   * The heads that came back last from what one request appended, by shard. Undefined where turns begin at once: there
   * none is later than the one that a turn begins with.
   */
  readonly latest?: Map<string, Head>;
  /** How many turns one request takes before it hands the shard over. */
  readonly turnsPerRequest: number;
  /** True where a client has its reply only after what was deferred: turns that push are another invocation's. */
  readonly isReplyLast?: boolean;
  /** Hands a shard over to another invocation, which holds its lease as `nonce`. Undefined: there is to be none. */
  readonly dispatch: ((shard: string, nonce: string) => Promise<void>) | undefined;
  /**
   * Asks for a turn, in milliseconds since the epoch: `at` for all that is due then, `awaitedAt` for what a connected
   * consumer waits for, if nobody was asked for it yet. Where a timer costs, the former is left to the sweep.
   */
  readonly wakeAt: (shard: string, at: number, awaitedAt: number | undefined) => void;
  readonly effects: Effects;
  readonly log: Log;
  /** Who changed or removed what: users, queues. Of logins that were refused, too. As discreet as the log. */
  readonly audit: Log;
  /** What is of use only to somebody who looks for a fault: each turn. As discreet as the log. */
  readonly trace: Log;
  readonly meter: Meter;
  /** Queues whose depth and age the sweep measures each minute, whatever happens to them. */
  readonly watched: readonly string[];
};
