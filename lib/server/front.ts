import type { IncomingMessage } from 'node:http';
import type { Server as TcpServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { Access } from '../access/access.ts';
import type { AuthorizerContext } from '../handlers/authorize.ts';
import type { BrokerError } from '../model/errors.ts';
import type { Limits } from '../model/limits.ts';
import type { Store } from '../store/port.ts';
import type { Functions } from './functions.ts';
import type { Connections } from './management.ts';
import type { BrokerOptions } from './options.ts';

/** How connections and requests come to the handlers, and what the handlers push goes out. */
export type Front = {
  readonly rest: Functions['rest'];
  readonly connections: Connections;
  /** Takes a WebSocket upgrade of one who may connect, with what was found out of who it is. */
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer, authorizer: AuthorizerContext) => void;
  /** Plain STOMP over TCP, where there is such. */
  readonly tcp: TcpServer | undefined;
  readonly sweep: () => Promise<void>;
  /** Wakes nobody any more. */
  readonly endAlarms: () => void;
  /** Takes nothing more, and lets what was received be handled. */
  readonly drain: () => Promise<void>;
  /** Posts nothing more, and lets the turns end: however much is ready stays with the broker. */
  readonly settle: () => Promise<void>;
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

export function doorsOf({ allowedOrigins = [] }: BrokerOptions) {
  return { allowedOrigins, loopbackOnly: true };
}

/** Undefined where everybody may do everything. */
export function accessOf({ access }: BrokerOptions, store: Store): Access | undefined {
  return access && new Access({ store, now: Date.now, tokens: access.tokens });
}
