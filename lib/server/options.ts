import type { TokenOptions } from '../access/tokens.ts';
import type { BrokerError } from '../model/errors.ts';
import type { DestinationGroup } from '../model/groups.ts';
import type { Limits } from '../model/limits.ts';
import type { Master } from './broker-lease.ts';
import type { StrictOptions } from './strict/rules.ts';

export type DynamoPlace = {
  readonly tablePrefix: string;
  /** Another address than the region's. */
  readonly endpoint?: string;
  /** Destinations that have a table of their own. Default: all share one. */
  readonly groups?: readonly DestinationGroup[];
  /** True to create tables that are not there. Default: only where `endpoint` is on loopback. */
  readonly createTables?: boolean;
  /** True to become the master although a deployment in AWS claims the tables, as those that were restored. Default: false. */
  readonly takeOver?: boolean;
};

export type BrokerOptions = {
  /** WebSocket and REST; 0 takes a free one. Default 61614. */
  readonly port?: number;
  /** Plain STOMP over TCP; 0 takes a free one. Default 61613, or a free one where `port` is 0. */
  readonly stompPort?: number;
  /**
   * Where it listens: an address or a name of this machine; `0.0.0.0` or `::` for all, as in a container. Anywhere but on
   * loopback it is closed to all but users unless `access` says otherwise. Default 127.0.0.1.
   */
  readonly host?: string;
  /** The folder of the embedded store. Default `.cirrusmq` in the working folder. */
  readonly data?: string;
  /** Keeps messages in memory alone. */
  readonly memory?: boolean;
  /** Keeps messages in DynamoDB tables of this prefix. */
  readonly dynamodb?: DynamoPlace;
  /**
   * Enforces what API Gateway and Lambda enforce in the cloud: WebSocket alone, its sizes and times, no order between
   * the messages of one connection. For tests of clients, and of the broker.
   */
  readonly strict?: boolean | StrictOptions;
  /** Bounds that are to be other than the profile's. */
  readonly limits?: Partial<Limits>;
  /** Origins of pages that may connect, besides those on loopback. */
  readonly allowedOrigins?: readonly string[];
  /** Who may do what. Default: `open`, whoever reaches it may do everything, on loopback; elsewhere `{}`. */
  readonly access?: BrokerAccess | 'open' | undefined;
  /** Told when another process, or a deployment in AWS, is the master, and this one waits. */
  readonly onStandby?: (master: Master) => void;
  /** Told each time that this process becomes the master and its ports are open. */
  readonly onReady?: (broker: BrokerUrls) => void;
  /** Told when the broker cannot go on; it has closed its ports. */
  readonly onFatal?: (error: BrokerError) => void;
  /** Takes what concerns the operator. Default: nothing is written. */
  readonly log?: (event: string, details: Readonly<Record<string, unknown>>, error?: BrokerError) => void;
  /** Takes who changed what: users, queues. Default: nothing is written. */
  readonly audit?: Trace;
  /** Takes each connection that comes and goes, and each refusal of one. Default: nothing is written. */
  readonly trace?: Trace;
};

/** Takes what happened, and its details. */
export type Trace = (event: string, details: Readonly<Record<string, unknown>>) => void;

const PORT = 61_614;
const STOMP_PORT = 61_613;

/** The ports to open, where 0 is a free one. */
export function portsOf({
  port = PORT,
  stompPort = port === 0 ? 0 : STOMP_PORT,
}: Pick<BrokerOptions, 'port' | 'stompPort'>): { readonly port: number; readonly stompPort: number } {
  return { port, stompPort };
}

/** Where a broker listens unless something else is said. */
export const HOST = '127.0.0.1';

/** Whether only this machine reaches it. */
export function isLoopbackAddress(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Users are in the broker's directory, and are always taken; `{}` is closed to all others. */
export type BrokerAccess = {
  /** JSON Web Tokens of one issuer are taken, too. */
  readonly tokens?: TokenOptions | undefined;
  /** Whether a WebSocket shows its credentials when it is opened, rather than in its CONNECT. Default: false. */
  readonly credentialsAtUpgrade?: boolean | undefined;
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
