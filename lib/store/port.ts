import type { BrokerError } from '../model/errors.ts';

/**
 * What the broker needs of a store. Every verb is atomic and durable: once its promise resolves, what it wrote
 * survives any crash. A condition that does not hold is an outcome, never an exception. What is thrown is a
 * BrokerError: OVERLOADED if the write did not happen, UNAVAILABLE if it may or may not have happened, NOT_MASTER if
 * this process may no longer write, CORRUPT if what is stored cannot be read.
 */
export interface Store {
  /**
   * True where the store drops a body at its clock: the broker keeps those alive that are still needed. False where a
   * body goes only when it is discarded: there `keepBlobs` is never called.
   */
  readonly bodiesExpire: boolean;

  /**
   * Puts `blobs`, then appends `entries` to the inbox, in their order. With `ring`, also counts a ring and takes the
   * lease if nobody holds it. Creates the head if there is none, unless it must exist. Refused as a whole, writing no
   * entry, when the inbox already holds `room` entries or more. An empty `entries` is never refused as full.
   */
  append(shard: string, append: Append): Promise<AppendOutcome>;

  /**
   * Several appends in one write, in their order: all of them, or none if one would be refused as full, or if
   * `accepts` says no to what they would come to. Only a store to which one process writes has this verb: elsewhere it
   * would cost more than they do one by one.
   * @returns their outcomes; undefined if none was made
   */
  appendAll?(appends: readonly ShardAppend[], accepts: Accepts): Promise<readonly AppendOutcome[] | undefined>;

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
   * Removes a head that nobody rang since `rings`, with no lease and an empty inbox, and every body of the shard with
   * it. False if it is not so, and nothing is removed. A head that is made anew under the name sees no body of this
   * one. Where a body costs a write to delete, it expires instead.
   * @param rings undefined: it goes whatever it holds, whoever holds its lease, and even if it cannot be read
   */
  removeHead(shard: string, rings: number | undefined): Promise<boolean>;

  /**
   * Resolves when the head may have changed since `seen`, after `timeoutMs`, or when `signal` is aborted; early and
   * spurious returns are fine.
   */
  awaitChange(shard: string, seen: Head | undefined, timeoutMs: number, signal?: AbortSignal): Promise<void>;

  /** The blobs that exist under these keys (a consistent read); missing ones are absent from the map. */
  getBlobs(shard: string, keys: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>>;

  /** Puts off the expiry of blobs to `expiresAt`, in seconds since the epoch. Missing ones are passed over. */
  keepBlobs(shard: string, keys: readonly string[], expiresAt: number): Promise<void>;

  /**
   * Shards to look at: rung, or with a wake-up, at or before `minute` (minutes since the epoch). At most `limit`.
   * @param onUnread told of each part that could not be read, if others could: what is due there is not listed
   */
  due(minute: number, limit: number, onUnread?: OnUnread): Promise<readonly Due[]>;

  /**
   * Clears what `due` listed. A wake-up goes unconditionally; a ring only if nobody rang since `rings`, nobody holds
   * the lease and the inbox is empty. False if it is not so.
   */
  clearDue(due: Due, rings: number): Promise<boolean>;

  /** Puts a directory record. With `expected` only if the record's value is that, or, if null, if there is none. */
  putRecord(key: RecordKey, value: Uint8Array, options?: RecordOptions): Promise<RecordOutcome>;
  getRecord(key: RecordKey): Promise<Uint8Array | undefined>;
  deleteRecord(key: RecordKey): Promise<void>;

  /** Records of a family in the order of their names (by octets of UTF-8), after `after`, at most `limit`: a consistent read. */
  listRecords(family: string, after: string, limit: number): Promise<readonly DirectoryRecord[]>;

  /** Present where destination groups are kept apart. Undefined: all shards are in one place. */
  readonly groups?: GroupedStore;

  /** Writes what is under way and lets go of the store. */
  close(): Promise<void>;
}

/** What a store offers besides that keeps shards apart by destination group. Where one lives, its other verbs find. */
export interface GroupedStore {
  /** The groups that are configured, `default` first, then those that were, and may hold shards. */
  list(): Promise<readonly StoredGroup[]>;

  /** In which group a shard lives, and in which one it would be created. */
  homeOf(shard: string): Promise<Home>;

  /** Shards with a record of their home, in the order of their names (by octets of UTF-8), after `after`. */
  listHomes(after: string, limit: number): Promise<readonly { readonly shard: string; readonly group: string }[]>;

  /** The keys of which the group holds no blob of the shard that lives until then, in seconds since the epoch. */
  lacking(shard: string, group: string, keys: readonly string[], until: number): Promise<readonly string[]>;

  /**
   * The same of copies: a blob that was put there, or was extended since it was copied, is none. What it leads to went
   * or was extended by calls of its own, wherever the shard's head was.
   */
  uncopied(shard: string, group: string, keys: readonly string[], until: number): Promise<readonly string[]>;

  /**
   * Copies blobs from where the shard lives to another group, to live there until `expiresAt` at least, in seconds since
   * the epoch.
   * @returns the keys of those that do not exist; undefined if the shard is not where it was any more, or is there
   *   already: nothing can be said of what was asked for
   */
  copyBlobs(
    shard: string,
    to: string,
    keys: readonly string[],
    expiresAt: number,
  ): Promise<readonly string[] | undefined>;

  /**
   * Lets nobody append entries until then, in milliseconds since the epoch, whoever has the lease: a master that took
   * turn after turn does what is there, and gives the lease up. Clocks that differ make it longer or shorter.
   */
  quiet(shard: string, until: number): Promise<void>;

  /**
   * Closes the inbox for as long as this lease holds: appends of entries are refused as if it were full.
   * @returns the head, to which nothing is appended from now on; undefined if the lease is another's by now
   */
  close(shard: string, nonce: string): Promise<Head | undefined>;

  /**
   * Moves a head that was closed under this nonce to another group: from then on it is there, with `lease`, and no
   * longer where it was. The blobs that it needs have to be there. False if the lease is another's by now: nothing
   * happened.
   */
  moveHead(head: Head, move: HeadMove): Promise<boolean>;
}

/** A destination group, as a store keeps it. */
export type StoredGroup = {
  readonly name: string;
  readonly table: string;
  /** The patterns of its destinations; none of one that is being given up, or is configured no more. */
  readonly destinations: readonly string[];
  readonly isConfigured: boolean;
};

export type Home = {
  /** Undefined if there is no such shard. */
  readonly group: string | undefined;
  readonly configured: string;
};

export type HeadMove = {
  readonly to: string;
  /** The nonce under which it was closed. */
  readonly nonce: string;
  readonly lease: Lease | undefined;
  /** The minute at which it is due, if it is not yet. */
  readonly minute: number;
  /** The minute of the wake-up that its state relies on; undefined if it relies on none. */
  readonly wake: number | undefined;
  /** How long those who remember the old place are shown the way, in seconds since the epoch. */
  readonly signUntil: number;
};

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

/**
 * An immutable item, put if absent; an existing one under the same key is taken for our own earlier write. A store may
 * pass over an object that it has put: it belongs to one shard.
 */
export type Blob = {
  readonly key: string;
  readonly bytes: Uint8Array;
  /** Seconds since the epoch; from then on a store where bodies expire may drop it. Others pass over it. */
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

export type ShardAppend = Append & { readonly shard: string };

/** Judges appends by their outcomes, before anything is written. */
export type Accepts = (outcomes: readonly AppendOutcome[]) => boolean;

export type AppendOutcome =
  | { readonly kind: 'appended'; readonly head: Head }
  /** `hasBlobs`: the blobs were put, and need not be put again by whoever repeats the append. */
  | { readonly kind: 'full'; readonly head: Head; readonly hasBlobs: boolean }
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

export type OnUnread = (table: string, error: BrokerError) => void;

export type Due = {
  readonly shard: string;
  readonly minute: number;
  readonly kind: 'ring' | 'wake';
  /** Of a store that keeps groups apart: in which one it was found. The shard may live in another one by now. */
  readonly group?: string;
};

/** The family of the directory's records of queues, by name. */
export const queueFamily = 'queue';

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
