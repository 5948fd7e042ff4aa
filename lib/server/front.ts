import type { IncomingMessage } from 'node:http';
import type { Server as TcpServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { Access, type Refused } from '../access/access.ts';
import type { BrokerError } from '../model/errors.ts';
import type { Limits } from '../model/limits.ts';
import { LOOPBACK } from '../rest/origin.ts';
import type { Store } from '../store/port.ts';
import type { Invocables } from './invocations.ts';
import type { ManagedConnections } from './management.ts';
import { type BrokerAccess, type BrokerOptions, HOST, isLoopbackAddress } from './options.ts';

/** How connections and requests come to the handlers, and what the handlers push goes out. */
export type Front = {
  readonly rest: Invocables['rest'];
  readonly connections: ManagedConnections;
  /** Takes a WebSocket upgrade, or refuses it for its credentials. */
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
  /** Plain STOMP over TCP, where there is such. */
  readonly tcp: TcpServer | undefined;
  readonly sweep: () => Promise<void>;
  /** Wakes nobody any more. */
  readonly endTimers: () => void;
  /** Takes nothing more, and lets what was received be handled. */
  readonly drain: () => Promise<void>;
  /** Posts nothing more, and lets the turns end: however much is ready stays with the broker. */
  readonly quiesce: () => Promise<void>;
  /** Closes every connection, after what was sent. */
  readonly close: () => void;
  /** Breaks every connection off. */
  readonly destroy: () => void;
};

/** What a front is made from. */
export type FrontParts = {
  readonly options: BrokerOptions;
  readonly store: Store;
  /** What decides on upgrades. */
  readonly access: Access | undefined;
  readonly limits: Limits;
  /** See `Broker.epoch`. */
  readonly epoch: string;
  /** Told when another process has become the master. */
  readonly onFailure: (error: BrokerError) => void;
};

export function doorsOf({ allowedOrigins = [], host = HOST }: BrokerOptions) {
  return { allowedOrigins: [LOOPBACK, ...allowedOrigins], loopbackOnly: isLoopbackAddress(host) };
}

/** Undefined where everybody may do everything. */
export function accessOf(options: BrokerOptions, store: Store): Access | undefined {
  const access = accessIn(options);
  if (access === 'open') return undefined;
  const onRefused = (refused: Refused) => options.trace?.('login refused', refused);
  return new Access({ store, now: Date.now, ...access, onRefused });
}

/** Who may do what where nothing is said of it: on loopback everybody, elsewhere users alone. */
export function accessIn({ access, host = HOST }: BrokerOptions): BrokerAccess | 'open' {
  return access ?? (isLoopbackAddress(host) ? 'open' : {});
}
