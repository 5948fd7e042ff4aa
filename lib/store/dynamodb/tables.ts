/**
 * The tables in DynamoDB, as plain data: for the store, for whoever creates them, and for the arithmetic of their cost.
 *
 * | table | partition key | sort key | item |
 * | --- | --- | --- | --- |
 * | shards | shard | `head` | a shard's head |
 * | shards | shard # key | `blob` | a batch, a page |
 * | shards | shard | `wake#` minute | a wake-up |
 * | directory | family | name | a record |
 *
 * Names of attributes are short because every octet of them is billed with every write.
 */
export const attributes = {
  /** String. Of both tables. */
  pk: 'p',
  /** String. Of both tables. */
  sk: 's',
  /** Number, seconds since the epoch. Of blobs and records: when DynamoDB may drop the item. */
  ttl: 't',
  /** Binary. Of blobs and records. */
  bytes: 'b',
  /** Binary. Of heads. */
  state: 'd',
  /** List of binaries. Of heads. */
  inbox: 'i',
  /** Number. Of heads; missing until the first ring. */
  rings: 'r',
  /** String. Of heads, together with `until`, while there is a lease. */
  nonce: 'n',
  /** Number, milliseconds since the epoch. */
  until: 'u',
  /** Number, minutes since the epoch. Of heads that may have work, and of wake-ups: sorts the index. */
  minute: 'm',
  /** Number, 0 to 31. Goes with `minute`: the partition of the index. */
  spread: 'g',
  /**
   * String. Of heads: the nonce of the lease under which nobody may append. With another lease, or none, it says
   * nothing.
   */
  closed: 'c',
  /**
   * Number, seconds since the epoch. Of blobs that were copied from another group, until they are extended: until when
   * the copy was made to live. All that it leads to had been copied before it.
   */
  copied: 'y',
  /** Number, milliseconds since the epoch. Of heads: until when nobody may append, so that a busy master comes to an end. */
  quiet: 'q',
  /** String. Of heads that went to another group: its name. Nothing else of such an item is a head. */
  home: 'h',
} as const;

/** How many partitions the index of what is due is spread over. */
export const DUE_PARTITIONS = 32;

/** An index of fewer items than this is read whole, in one read of some 20 KB at most. */
export const DUE_SCAN_ITEMS = 256;

export const dueIndex = {
  name: 'due',
  partitionKey: { name: attributes.spread, type: 'N' },
  sortKey: { name: attributes.minute, type: 'N' },
  projection: 'KEYS_ONLY',
} as const;

/** Both tables have the same key; the shard table alone has the index. */
export const tableKey = {
  partitionKey: { name: attributes.pk, type: 'S' },
  sortKey: { name: attributes.sk, type: 'S' },
  ttlAttribute: attributes.ttl,
} as const;

export const headSort = 'head';
export const blobSort = 'blob';
const wakePrefix = 'wake#';

/** The nonce of a head that went to another group: nobody ever held it, and nobody takes it away. */
export const MOVED_NONCE = 'moved';

/** The family of the directory's records of where shards live: by shard, the name of the group. */
export const homeFamily = 'home';

/** The partition key of a blob: keys are random, so that blobs spread over all partitions. */
export function blobPartition(shard: string, key: string): string {
  return `${shard}#${key}`;
}

export function wakeSort(minute: number): string {
  return `${wakePrefix}${minute}`;
}

/** Where in the index a shard's head and wake-ups are: 0 to 31 (FNV-1a over UTF-16 code units). */
export function duePartition(shard: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < shard.length; at++) hash = Math.imul(hash ^ shard.charCodeAt(at), 0x01000193);
  return (hash >>> 0) % DUE_PARTITIONS;
}

/** The shard table of a destination group, and the one directory table of the broker. */
export function tableNames(prefix: string, group: string): { readonly shards: string; readonly directory: string } {
  return { shards: `${prefix}-shards-${group}`, directory: `${prefix}-directory` };
}
