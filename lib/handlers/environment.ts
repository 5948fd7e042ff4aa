import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Access } from '../access/access.ts';
import { BodyCache } from '../broker/bodies/body-cache.ts';
import type { Broker, Clock, Log, Meter, Random } from '../broker/broker.ts';
import { Browsing } from '../broker/browsing.ts';
import { effects } from '../broker/effects/effects.ts';
import { Leavers } from '../broker/leavers.ts';
import { Lines } from '../broker/lines.ts';
import { Quarantine } from '../broker/quarantine.ts';
import type { Push } from '../gateway/push.ts';
import type { BrokerError } from '../model/errors.ts';
import { checkLimits } from '../model/limit-rules.ts';
import type { Limits } from '../model/limits.ts';
import type { Store } from '../store/port.ts';
import { Afterwards } from './afterwards.ts';
import { stompOutlet } from './outlet.ts';
import { Staging } from './staging.ts';

/** What the handlers are made from. */
export type EnvironmentParts = {
  readonly store: Store;
  readonly push: Push;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: Limits;
  /** Who may do what. Without it, everybody may do everything. */
  readonly access?: Access | undefined;
  readonly log: Log;
  /** See `Broker.audit`. Default: nothing is written. */
  readonly audit?: Log;
  /** See `Broker.trace`. Default: nothing is written. */
  readonly trace?: Log;
  /** Default: nothing is counted. */
  readonly meter?: Meter;
  /** See `Broker.watched`. Default: none. */
  readonly watched?: readonly string[];
  /** Told of invocations where they come one at a time, as in a Lambda function. */
  readonly invocations?: Invocations;
  /** Hands a shard over to another invocation of `dispatch`, the `hops`th after the first in a row. */
  readonly dispatch: (shard: string, nonce: string, hops: number) => Promise<void>;
  /** See `Broker.wakeAt`. */
  readonly wakeAt: Broker['wakeAt'];
  /** True in a Lambda function: an invocation ends only after all that it deferred. */
  readonly endsWithReply: boolean;
  /** True for a deployment in AWS: self-hosted brokers on its tables are standbys. Default: false. */
  readonly isDeployment?: boolean;
  /** See `Broker.epoch`. */
  readonly epoch?: string;
  /** How many octets of bodies to keep in memory. */
  readonly cacheBytes?: number;
  /** Told of what failed behind a reply. */
  readonly onFailure?: (error: BrokerError) => void;
};

/** Whose work it is that is logged and counted. Absent ids are those of invocations that have none. */
export type InvocationIds = {
  readonly requestId: string | undefined;
  /** API Gateway's, as its access log has it. */
  readonly gatewayRequestId: string | undefined;
  readonly connection: string | undefined;
};

/** Watches invocations from before their first step until after the last that they deferred. */
export type Invocations = { readonly begin: (ids: InvocationIds) => void; readonly end: () => void };

/** What every handler shares. */
export type Environment = {
  readonly broker: Broker;
  readonly access: Access | undefined;
  readonly push: Push;
  readonly afterwards: Afterwards;
  /** Transactions that are open between one message and the next, where one process has all of a connection. */
  readonly staging: Staging;
  readonly given: EnvironmentParts;
};

const CACHE_BYTES = 64 * 1024 * 1024;

/** A Lambda function hands a busy shard over rather than keep its client waiting. */
const TURNS_PER_REQUEST = 1;

/** @throws BrokerError INVALID_REQUEST for limits that cannot be kept */
export function setUp(parts: EnvironmentParts): Environment {
  checkLimits(parts.limits);
  const { store, push, clock, random, limits, log, dispatch, wakeAt } = parts;
  const afterwards = new Afterwards((error) => {
    log('deferred work failed', { code: error.code }, error);
    parts.onFailure?.(error);
  });
  const broker: Broker = {
    store,
    clock,
    random,
    limits,
    log,
    audit: parts.audit ?? (() => {}),
    trace: parts.trace ?? (() => {}),
    meter: parts.meter ?? (() => {}),
    watched: parts.watched ?? [],
    dispatch: (shard, nonce) => dispatch(shard, nonce, 0),
    wakeAt,
    outlet: stompOutlet(push, limits, clock),
    epoch: parts.epoch ?? '',
    bodies: new BodyCache(parts.cacheBytes ?? CACHE_BYTES),
    quarantine: new Quarantine(),
    leavers: new Leavers(),
    lines: new Lines(),
    browsing: new Browsing(),
    effects,
    defer: afterwards.defer,
    turnsPerRequest: parts.endsWithReply ? TURNS_PER_REQUEST : Number.POSITIVE_INFINITY,
  };
  return { broker, access: parts.access, push, afterwards, staging: new Staging(), given: parts };
}

/** The machine's clock, which all who work on one shard have in common. */
export const systemClock: Clock = { now: Date.now, date: Date.now, sleep: async (ms) => await sleep(ms) };

/** The machine's randomness, drawn many at a time. */
export function systemRandom(): Random {
  const idBytes = 12;
  let pool = Buffer.alloc(0);
  return {
    id() {
      if (pool.length < idBytes) pool = randomBytes(idBytes * 256);
      const id = pool.toString('base64url', 0, idBytes);
      pool = pool.subarray(idBytes);
      return id;
    },
    fraction: Math.random,
  };
}
