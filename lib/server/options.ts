import type { TokenOptions } from '../access/tokens.ts';
import type { BrokerError } from '../model/errors.ts';
import type { DestinationGroup } from '../model/groups.ts';
import type { Limits } from '../model/limits.ts';
import type { StrictOptions } from './strict/rules.ts';

export type DynamoPlace = {
  readonly tablePrefix: string;
  /** Another address than the region's. */
  readonly endpoint?: string;
  /** Destinations that have a table of their own. Default: all share one. */
  readonly groups?: readonly DestinationGroup[];
};

export type BrokerOptions = {
  /** WebSocket and REST; 0 takes a free one. Default 61614. */
  readonly port?: number;
  /** Plain STOMP over TCP; 0 takes a free one. Default 61613, or a free one where `port` is 0. */
  readonly stompPort?: number;
  /** The folder of the embedded store. Default `.cirrusmq` in the working folder. */
  readonly data?: string;
  /** Keeps messages in memory alone. */
  readonly memory?: boolean;
  /** Keeps messages in DynamoDB tables of this prefix; they are created if they are not there. */
  readonly dynamodb?: DynamoPlace;
  /**
   * Enforces what API Gateway and Lambda enforce in the cloud: WebSocket alone, its sizes and times, no order between
   * the messages of one connection. For tests of clients, and of the broker.
   */
  readonly strict?: true | StrictOptions;
  /** Bounds that are to be other than the profile's. */
  readonly limits?: Partial<Limits>;
  /** Origins of pages that may connect, besides those on loopback. */
  readonly allowedOrigins?: readonly string[];
  /** Who may do what. Default: whoever reaches 127.0.0.1 may do everything. */
  readonly access?: BrokerAccess;
  /** Told when another process is the master, and this one waits. */
  readonly onStandby?: () => void;
  /** Told each time that this process becomes the master and its ports are open. */
  readonly onReady?: (broker: BrokerUrls) => void;
  /** Told when the broker cannot go on; it has closed its ports. */
  readonly onFatal?: (error: BrokerError) => void;
  /** Takes what concerns the operator. Default: nothing is written. */
  readonly log?: (event: string, details: Readonly<Record<string, unknown>>, error?: BrokerError) => void;
};

/** Users are in the broker's directory, and are always taken; `{}` is closed to all others. */
export type BrokerAccess = {
  /** JSON Web Tokens of one issuer are taken, too. */
  readonly tokens?: TokenOptions | undefined;
  /** Who is to be able to do everything, other users included: made, or set right, at the start. */
  readonly administrator?: { readonly name: string; readonly password: string } | undefined;
};

export type BrokerUrls = {
  /** REST, e.g. `http://127.0.0.1:61614`. */
  readonly url: string;
  /** STOMP over WebSocket. */
  readonly webSocketUrl: string;
  /** Plain STOMP over TCP; empty where there is none. */
  readonly stompUrl: string;
};

export type RunningBroker = BrokerUrls & {
  /** Lets what is under way end, closes the connections and gives the lease up. */
  readonly close: () => Promise<void>;
};
