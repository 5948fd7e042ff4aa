import type { BrokerError } from '../model/errors.ts';
import type { Limits } from '../model/limits.ts';
import type { Delivery } from '../model/message.ts';
import type { Metric } from '../model/metrics.ts';
import type { PushOutcome } from '../shard/conclude.ts';
import type { Store } from '../store/port.ts';
import type { BodyCache } from './body-cache.ts';
import type { Quarantine } from './quarantine.ts';

/** Time, as the broker is given it. */
export type Clock = {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
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
  readonly isOpen: (connection: string) => Promise<boolean>;
};

/** What concerns the people who run the broker; it holds no bodies and no credentials. */
export type Log = (event: string, details: Readonly<Record<string, unknown>>, error?: BrokerError) => void;

/**
 * Takes counts, and readings of gauges, in the metric's unit. `shard` is whose they are, if they are one's. Called for
 * a turn or a request, never for a message.
 */
export type Meter = (metric: Metric, value: number, shard?: string) => void;

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
  /** Does work that no reply waits for: at once in a server, before its end in a Lambda invocation. */
  readonly defer: (work: () => Promise<unknown>) => void;
  /** How many turns one request takes before it hands the shard over. */
  readonly turnsPerRequest: number;
  /** Hands a shard over to another invocation, which holds its lease as `nonce`. Undefined: there is to be none. */
  readonly dispatch: ((shard: string, nonce: string) => Promise<void>) | undefined;
  /**
   * Asks for a turn, in milliseconds since the epoch: `at` for all that is due then, `awaitedAt` for what a connected
   * consumer waits for. Where a timer costs, the former is left to the sweep.
   */
  readonly alarm: (shard: string, at: number, awaitedAt: number | undefined) => void;
  readonly log: Log;
  /** What is of use only to somebody who looks for a fault: each turn. As discreet as the log. */
  readonly trace: Log;
  readonly meter: Meter;
  /** Queues whose depth and age the sweep measures each minute, whatever happens to them. */
  readonly watched: readonly string[];
};
