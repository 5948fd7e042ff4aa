/** What the model of API Gateway enforces besides its fixed sizes. Times are in milliseconds, shares from 0 to 1. */
export type StrictOptions = {
  /** Decides what is shuffled, throttled and lost: the same seed decides the same. */
  readonly seed?: number;
  /** How long a connection lives. */
  readonly lifetimeMs?: number;
  /** How long a connection may be silent both ways. */
  readonly idleMs?: number;
  /** How long an invocation may take before its client is told that it failed. */
  readonly integrationMs?: number;
  /** How late an invocation begins, and a post arrives, at most: what is under way at once changes places. */
  readonly shuffleMs?: number;
  /** What the account may post, and the connections it may open, in a second; as much again at once. */
  readonly postsPerSecond?: number;
  readonly connectsPerSecond?: number;
  /** The share of posts that find the account throttled, by others. */
  readonly refusedPosts?: number;
  /** The share of posts that are answered with a failure of the gateway, though they arrive. */
  readonly unknownPosts?: number;
  /** The share of connections whose `$disconnect` never comes. */
  readonly lostDisconnects?: number;
};

export type Rules = Required<StrictOptions>;

/**
 * API Gateway's own figures.
 * @see Amazon API Gateway: Quotas for configuring and running a WebSocket API; Amazon API Gateway account-level quotas
 */
const defaults: Rules = {
  seed: 1,
  lifetimeMs: 2 * 60 * 60 * 1000,
  idleMs: 10 * 60 * 1000,
  integrationMs: 29_000,
  shuffleMs: 10,
  postsPerSecond: 10_000,
  connectsPerSecond: 500,
  refusedPosts: 0.01,
  unknownPosts: 0,
  lostDisconnects: 0.05,
};

/** The largest WebSocket frame from a client. A message may come in several. */
export const FRAME_BYTES = 32 * 1024;
/** The largest message, either way. */
export const MESSAGE_BYTES = 128 * 1024;

/** The longest URL of an upgrade: a token in its query has to fit. */
export const URL_CHARACTERS = 4096;
/** The largest result that Lambda hands on. @see AWS Lambda: quotas, synchronous invocations */
export const RESULT_BYTES = 6 * 1024 * 1024;

export function rulesOf(options: StrictOptions | true): Rules {
  return options === true ? defaults : { ...defaults, ...options };
}
