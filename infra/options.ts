import type { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type { Billing } from 'aws-cdk-lib/aws-dynamodb';
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
  /** A key of yours that encrypts it; the stack must name its region then. Default: one that DynamoDB owns, at no cost. */
  readonly encryptionKey?: IKey;
};

/** Destinations with a table of their own: what they do to it slows no others down. */
export type DestinationGroupOptions = DestinationGroup & TableOptions;

export type CirrusBrokerProps = TableOptions & {
  /** Default: all destinations share one table. The first group that a destination matches has it. */
  readonly destinationGroups?: readonly DestinationGroupOptions[];
  /** The beginning of all tables' names, at most 64 characters. Default: made from the construct's path. */
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
  /** Bounds that are to be other than the cloud's. @see cloudLimits */
  readonly limits?: Partial<Limits>;
  /** How long a consumed message may still be browsed, and how often an unconsumed one is kept from expiring. 14 days. */
  readonly messageRetention?: Duration;
  /**
   * Origins of pages that may use REST, besides those on loopback: `https://example.org`. A WebSocket is let in by its
   * credentials, whatever its page. Default: none.
   */
  readonly allowedOrigins?: readonly string[];
  /** Requests and frames a second, and how many at once, for each of the two APIs. Default: 1,000 and 2,000. */
  readonly throttle?: { readonly rateLimit: number; readonly burstLimit: number };
  /** Queues, by name, that have metrics of their own. Default: none, since each metric costs. */
  readonly watchedQueues?: readonly string[];
  /** Default: INFO. */
  readonly logLevel?: 'DEBUG' | 'INFO' | 'WARN' | 'ERROR';
  /** Default: a month. */
  readonly logRetention?: RetentionDays;
  /** What becomes of the tables when the stack goes. Default: they stay, with their messages. */
  readonly removalPolicy?: RemovalPolicy;
};
