const KiB = 1024;
const MiB = 1024 * KiB;
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const DAY_MS = 24 * 60 * MINUTE_MS;

/**
 * What a broker accepts and holds, by profile. Sizes are in octets of UTF-8 or of the body; times in milliseconds. What
 * each may be is in `limit-rules.ts`.
 */
export type Limits = {
  /** Where they are kept: in this process, in items of DynamoDB, or there and through API Gateway. */
  readonly profile: 'local' | 'localOnDynamo' | 'cloud';
  /** The largest body of one message. */
  readonly bodyBytes: number;
  /** The most that a message may take of a MESSAGE frame: its body, and its headers without those of the broker. */
  readonly deliveryBytes: number;
  /** The largest frame that a client may send, command and headers included. */
  readonly frameBytes: number;
  /** The most headers in one frame. */
  readonly headerCount: number;
  /** The longest header line, name and value. */
  readonly headerBytes: number;
  /** The longest destination, prefix included, in octets of UTF-8; a queue leaves room for `DLQ.` in it. */
  readonly destinationBytes: number;
  /** The longest STOMP subscription id: it is kept in the shard's head. */
  readonly subscriptionIdBytes: number;
  /** The most subscriptions on one connection. */
  readonly subscriptionsPerConnection: number;
  /** How much of several MESSAGE frames goes into one post to a connection. */
  readonly postBytes: number;
  /** The most messages in one REST request, and in one batch item. */
  readonly batchCount: number;
  /** The most octets of bodies and headers in one batch item. */
  readonly batchBytes: number;
  /** Prefetch when a SUBSCRIBE names none, and the most it can get. */
  readonly prefetchDefault: number;
  readonly prefetchMax: number;
  /** Messages in flight and consumers on one shard. */
  readonly inFlightPerShard: number;
  readonly consumersPerShard: number;
  /**
   * What dead letters that wait for their queue may take of their shard's head, in octets, before it delivers nothing
   * more. What was in flight then may come on top.
   */
  readonly outgoingBytes: number;
  /** Messages pushed by one turn, and the octets of their bodies and headers. */
  readonly turnMessages: number;
  readonly turnBytes: number;
  /** Entries in a shard's inbox; the reserve is kept for acknowledgements, rejects and leaves. */
  readonly inboxEntries: number;
  readonly inboxReserve: number;
  /** How many references of one level the head holds before they roll up into a page. */
  readonly referencesPerLevel: number;
  /** A delivery that ended this many times without an acknowledgement is dead-lettered. */
  readonly deliveries: number;
  /** A shard's lease, and how far clocks may differ before a lease is taken for dead. */
  readonly leaseMs: number;
  readonly skewMs: number;
  /** The longest that one post to a connection may take. */
  readonly postMs: number;
  /** To how many connections a topic's turn posts at the same time. */
  readonly postsAtOnce: number;
  /** Until when a post whose outcome is unknown is taken for lost. */
  readonly unknownPostMs: number;
  /** Waits of a pull: the longest, and the visibility timeout's default and maximum. */
  readonly waitMs: number;
  readonly visibilityMs: number;
  readonly visibilityMaxMs: number;
  /** What the messages of one REST reply may take of it, as a Lambda function hands it on: JSON in JSON. */
  readonly replyBytes: number;
  /** The most messages that one receive takes. */
  readonly receiveCount: number;
  /** The most messages that one page of a browse shows. */
  readonly browseCount: number;
  /** How long a request may take in all: waiting, trying, and the turn that serves it. */
  readonly requestMs: number;
  /** How long a request goes on trying against a full inbox or a throttled store. */
  readonly retryMs: number;
  /** How long bodies outlive their writing; halfway, what is still unconsumed is extended. */
  readonly retentionMs: number;
  /** How often a consumer with messages in flight is asked whether it is still there: first, and at most. */
  readonly probeMs: number;
  readonly probeMaxMs: number;
  /**
   * Half a frame, then silence: how long an ordered transport waits for the rest. As long may a client take nothing
   * though more waits for it.
   */
  readonly frameIdleMs: number;
  /** How often the server sends heart-beats at most, and how often it asks for them at most; 0 is never. */
  readonly heartBeatSendMs: number;
  readonly heartBeatReceiveMs: number;
  /** True where the transport carries text alone: other bodies travel as base64. */
  readonly textOnly: boolean;
};

const shared = {
  headerCount: 64,
  headerBytes: 8 * KiB,
  destinationBytes: 255,
  subscriptionIdBytes: 128,
  subscriptionsPerConnection: 256,
  postBytes: 32 * KiB,
  prefetchDefault: 20,
  inboxEntries: 64,
  inboxReserve: 8,
  referencesPerLevel: 16,
  deliveries: 6,
  leaseMs: 5 * SECOND_MS,
  skewMs: SECOND_MS,
  postMs: 3 * SECOND_MS,
  postsAtOnce: 64,
  unknownPostMs: 30 * SECOND_MS,
  waitMs: 20 * SECOND_MS,
  requestMs: DAY_MS,
  visibilityMs: 30 * SECOND_MS,
  visibilityMaxMs: 12 * 60 * MINUTE_MS,
  browseCount: 1000,
  retryMs: 10 * SECOND_MS,
  retentionMs: 14 * DAY_MS,
  probeMs: MINUTE_MS,
  probeMaxMs: 16 * MINUTE_MS,
  frameIdleMs: 30 * SECOND_MS,
} satisfies Partial<Limits>;

/** A post of less time than this would end in doubt. */
export const LEAST_POST_MS = 100;

/** How much of its lease a master must have left to begin a push: of a short lease, a quarter. */
export function leastPushMs({ leaseMs }: Pick<Limits, 'leaseMs'>): number {
  return Math.min(LEAST_POST_MS, leaseMs / 4);
}

/** One process with an embedded store. */
export const localLimits: Limits = {
  profile: 'local',
  ...shared,
  bodyBytes: 4 * MiB,
  deliveryBytes: 6 * MiB,
  frameBytes: 4 * MiB + 64 * KiB,
  batchCount: 1000,
  batchBytes: 8 * MiB,
  prefetchMax: 4096,
  inFlightPerShard: 8192,
  consumersPerShard: 1024,
  outgoingBytes: MiB,
  turnMessages: 1024,
  turnBytes: 4 * MiB,
  inboxEntries: 1024,
  inboxReserve: 64,
  replyBytes: 64 * MiB,
  receiveCount: 1000,
  heartBeatSendMs: SECOND_MS,
  heartBeatReceiveMs: SECOND_MS,
  textOnly: false,
};

/**
 * Heads and bodies in DynamoDB, frames through API Gateway: 400 KB an item, 128 KB a WebSocket message. A message fits
 * one with 2 KB for the broker's headers, by whichever door it came: what is taken can be delivered. A function's reply
 * has 6 MB.
 */
export const cloudLimits: Limits = {
  profile: 'cloud',
  ...shared,
  bodyBytes: 126 * KiB,
  deliveryBytes: 126 * KiB,
  frameBytes: 128 * KiB,
  batchCount: 100,
  batchBytes: 320 * KiB,
  prefetchMax: 256,
  inFlightPerShard: 256,
  consumersPerShard: 32,
  outgoingBytes: 128 * KiB,
  turnMessages: 128,
  turnBytes: MiB,
  replyBytes: 5 * MiB,
  requestMs: 27 * SECOND_MS,
  receiveCount: 100,
  heartBeatSendMs: 0,
  heartBeatReceiveMs: 4 * MINUTE_MS,
  textOnly: true,
};

/** The local server on DynamoDB tables: what an item holds bounds the bodies, its own sockets carry any octet. */
export const localOnDynamoLimits: Limits = {
  ...cloudLimits,
  profile: 'localOnDynamo',
  bodyBytes: 256 * KiB,
  deliveryBytes: 320 * KiB,
  frameBytes: 320 * KiB,
  heartBeatSendMs: localLimits.heartBeatSendMs,
  heartBeatReceiveMs: localLimits.heartBeatReceiveMs,
  textOnly: false,
};
