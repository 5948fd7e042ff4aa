/**
 * What the broker needs of a store. Every verb is atomic and durable: once its promise resolves, what it wrote
 * survives any crash. A condition that does not hold is an outcome, never an exception. What is thrown is a
 * BrokerError: UNAVAILABLE or OVERLOADED if the write may or may not have happened, NOT_MASTER if this process may
 * no longer write, CORRUPT if what is stored cannot be read.
 */
export interface Store {
  /**
   * Puts `blobs`, then appends `entries` to the inbox, in their order. With `ring`, also counts a ring and takes the
   * lease if nobody holds it. Creates the head if there is none, unless it must exist. Refused as a whole, writing no
   * entry, when the inbox already holds `room` entries or more. An empty `entries` is never refused as full.
   */
  append(shard: string, append: Append): Promise<AppendOutcome>;

  /**
   * Puts `blobs` and the wake-up, then writes the new state and removes the first `absorbed` entries of the inbox, if
   * `nonce` still holds the lease. With `lease` it is renewed; without, it is given up, if `rings` is unchanged.
   */
  commit(shard: string, commit: Commit): Promise<CommitOutcome>;

  /** Takes a dead master's lease: replaces the lease if its nonce is still the one that was seen. */
  steal(shard: string, steal: Steal): Promise<StealOutcome>;

  /** The head as it is now (a consistent read), or undefined if the shard has none. */
  readHead(shard: string): Promise<Head | undefined>;

  /**
   * Removes a head that nobody rang since `rings`, with no lease and an empty inbox. False if it is not so. `discard`
   * as in a commit.
   */
  removeHead(shard: string, rings: number, discard: readonly string[]): Promise<boolean>;

  /** Resolves when the head may have changed since `seen`, or after `timeoutMs`; early and spurious returns are fine. */
  awaitChange(shard: string, seen: Head | undefined, timeoutMs: number): Promise<void>;

  /** The blobs that exist under these keys (a consistent read); missing ones are absent from the map. */
  getBlobs(shard: string, keys: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>>;

  /** Puts off the expiry of blobs to `expiresAt`, in seconds since the epoch. Missing ones are passed over. */
  extendBlobs(shard: string, keys: readonly string[], expiresAt: number): Promise<void>;

  /** Puts every blob, or none if any of the keys exists. At most 100. */
  transact(shard: string, blobs: readonly Blob[]): Promise<TransactOutcome>;

  /** Shards to look at: rung, or with a wake-up, at or before `minute` (minutes since the epoch). At most `limit`. */
  due(minute: number, limit: number): Promise<readonly Due[]>;

  /**
   * Clears what `due` listed. A wake-up goes unconditionally; a ring only if nobody rang since `rings`, nobody holds
   * the lease and the inbox is empty. False if it is not so.
   */
  settle(due: Due, rings: number): Promise<boolean>;

  /** Puts a directory record. With `expected` only if the record's value is that, or, if null, if there is none. */
  putRecord(key: RecordKey, value: Uint8Array, options?: RecordOptions): Promise<RecordOutcome>;
  getRecord(key: RecordKey): Promise<Uint8Array | undefined>;
  deleteRecord(key: RecordKey): Promise<void>;

  /** Records of a family in the order of their names (by octets of UTF-8), after `after`, at most `limit`: a consistent read. */
  listRecords(family: string, after: string, limit: number): Promise<readonly DirectoryRecord[]>;

  /** Writes what is under way and lets go of the store. */
  close(): Promise<void>;
}

/** Who may change a shard's state. `nonce` is fresh for each election; `until` is in milliseconds since the epoch. */
export type Lease = { readonly nonce: string; readonly until: number };

/** A shard's head as stored. `state` and the entries are opaque here. */
export type Head = {
  readonly shard: string;
  readonly lease: Lease | undefined;
  /** How often the shard has been rung, ever. */
  readonly rings: number;
  readonly inbox: readonly Uint8Array[];
  /** Undefined until the first commit. */
  readonly state: Uint8Array | undefined;
  /** The minute of the first append since the sweep last found the shard idle; 0 if there was none. */
  readonly due: number;
};

/** An immutable item, put if absent; an existing one under the same key is taken for our own earlier write. */
export type Blob = {
  readonly key: string;
  readonly bytes: Uint8Array;
  /** Seconds since the epoch; from then on the store may drop it. */
  readonly expiresAt: number;
};

export type Append = {
  readonly blobs: readonly Blob[];
  readonly entries: readonly Uint8Array[];
  /** The lease to take if it is free. Undefined: neither ring nor stand for election. */
  readonly ring: Lease | undefined;
  readonly room: number;
  /** The current minute, kept as `due` if there is none. */
  readonly minute: number;
  /** True for what means nothing to a shard that is not there, as one whose queue was deleted. */
  readonly mustExist: boolean;
};

export type AppendOutcome =
  | { readonly kind: 'appended' | 'full'; readonly head: Head }
  /** There is no head, and it had to exist; no entry was written. */
  | { readonly kind: 'absent'; readonly head: undefined };

export type Commit = {
  readonly nonce: string;
  readonly state: Uint8Array;
  readonly absorbed: number;
  readonly lease: Lease | undefined;
  readonly rings: number;
  readonly blobs: readonly Blob[];
  /** A minute at which the shard wants a turn. Undefined: none besides what is scheduled. */
  readonly wake: number | undefined;
  /** Keys that nothing refers to any more. A store where deleting is free deletes them; others let them expire. */
  readonly discard: readonly string[];
};

export type CommitOutcome =
  /** The head after the commit: the next turn's read. */
  | { readonly kind: 'committed'; readonly head: Head }
  /** Not given up, nothing written: somebody rang. */
  | { readonly kind: 'rung'; readonly head: Head }
  /** The lease is another's; nothing written. */
  | { readonly kind: 'lost'; readonly head: Head | undefined };

export type Steal = { readonly seen: string; readonly lease: Lease };

export type StealOutcome =
  | { readonly kind: 'stolen'; readonly head: Head }
  | { readonly kind: 'lost'; readonly head: Head | undefined };

export type TransactOutcome =
  | { readonly kind: 'done' }
  /** Some of the keys exist; nothing was written. */
  | { readonly kind: 'exists'; readonly keys: readonly string[] };

export type Due = { readonly shard: string; readonly minute: number; readonly kind: 'ring' | 'wake' };

export type RecordKey = { readonly family: string; readonly name: string };
export type DirectoryRecord = { readonly name: string; readonly value: Uint8Array };
export type RecordOptions = {
  readonly expected?: Uint8Array | null;
  /** Seconds since the epoch. */
  readonly expiresAt?: number;
};
export type RecordOutcome =
  | { readonly kind: 'stored' }
  | { readonly kind: 'conflict'; readonly current: Uint8Array | undefined };
