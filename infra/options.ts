import type { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type { Billing, WarmThroughput } from 'aws-cdk-lib/aws-dynamodb';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { DestinationGroup } from '../lib/model/groups.ts';
import type { Limits } from '../lib/model/limits.ts';

/** How a table is kept. */
export type TableOptions = {
  /**
   * Capacity. Default: on demand, without a bound. `Billing.onDemand({ maxReadRequestUnits, maxWriteRequestUnits })`
   * bounds what the destinations of one group can cost.
   */
  readonly billing?: Billing;
  /** Whether any second of the last 35 days can be restored. Default: true. */
  readonly pointInTimeRecovery?: boolean;
  /**
   * Units a second that it takes at once, without growing into them first: for a peak that is known. Raising it costs
   * once; it cannot be lowered. Default: DynamoDB's, 4,000 writes and 12,000 reads.
   */
  readonly warmThroughput?: WarmThroughput;
  /**
   * Whether DynamoDB refuses to delete it, whoever asks. Default: false, since a first deployment that fails could not be
   * taken back then. Turn it on with the second one.
   */
  readonly deletionProtection?: boolean;
  /** A key of yours that encrypts it; the stack must name its region then. Default: one that DynamoDB owns, at no cost. */
  readonly encryptionKey?: IKey;
};

/** Destinations with a table of their own: what they do to it slows no others down. */
export type DestinationGroupOptions = DestinationGroup & TableOptions;

export type CirrusBrokerProps = TableOptions & {
  /**
   * Default: all destinations share one table. A new destination goes to the first group that it matches, and stays
   * there. To give a group up, let it have no destinations until `cirrusmq groups` shows that nothing lives in it: one
   * that is removed before loses its table, with the messages, if `removalPolicy` is DESTROY.
   */
  readonly destinationGroups?: readonly DestinationGroupOptions[];
  /**
   * The beginning of all tables' names, at most 64 characters. Default: made from the construct's path. Name it for
   * production: a construct that is moved in its tree would have new, empty tables.
   */
  readonly tablePrefix?: string;
  /** `open`: whoever reaches it may do everything. Default: `closed` to all but users, and those with a token. */
  readonly access?: 'closed' | 'open';
  /** Whose tokens are taken. Default: nobody's. */
  readonly jwt?: {
    readonly issuer: string;
    readonly audience: string;
    /** Where the issuer's keys are. Default: where its discovery says. */
    readonly jwksUri?: string;
    /** The claim that holds the rules. Default: `cirrusmq`. */
    readonly claim?: string;
  };
  /**
   * Whether a WebSocket shows its credentials when it is opened, rather than in its CONNECT: nobody who is not known
   * has a connection then. Default: false.
   */
  readonly credentialsAtUpgrade?: boolean;
  /** Bounds that are to be other than the cloud's. @see cloudLimits */
  readonly limits?: Partial<Limits>;
  /** How long a consumed message may still be browsed, and how often an unconsumed one is kept from expiring. 14 days. */
  readonly messageRetention?: Duration;
  /**
   * Origins of pages that may use REST: `https://example.org`; `loopback` for pages of the developer's machine. A
   * WebSocket is let in by its credentials, whatever its page. Default: none.
   */
  readonly allowedOrigins?: readonly string[];
  /** Requests and frames a second, and how many at once, for each of the two APIs. Default: 1,000 and 2,000. */
  readonly throttle?: { readonly rateLimit: number; readonly burstLimit: number };
  /**
   * The most invocations of `dispatch` at a time, those asleep included. They are reserved: no other function of the
   * account has them. What finds none is given up after a minute, and is the sweep's. Default: none is reserved, and
   * the account's concurrency is the bound.
   */
  readonly dispatchConcurrency?: number;
  /** Queues, by name, that have metrics of their own. Default: none, since each metric costs. */
  readonly watchedQueues?: readonly string[];
  /** What the functions write of: `WARN` leaves out who changed what. Metrics are written at each level. Default: INFO. */
  readonly logLevel?: 'DEBUG' | 'INFO' | 'WARN' | 'ERROR';
  /** Default: a month. */
  readonly logRetention?: RetentionDays;
  /**
   * What becomes of the tables and logs when the stack goes. Default: they stay, with their messages; but for those of a
   * first deployment that fails, which are empty.
   */
  readonly removalPolicy?: RemovalPolicy;
};
