import { pack, unpackVersioned } from '../codec/packing.ts';

/**
 * Messages by where they lie: `count` sequence numbers from `first`. Level 0 refers to a batch, whose message at
 * index `offset` has the sequence `first`; level n + 1 refers to a page of references of level n.
 */
export type Reference = {
  readonly level: number;
  readonly key: string;
  readonly first: number;
  readonly count: number;
  /** Level 0: the index in the batch of the message `first`. */
  readonly offset: number;
  /** The earliest expiry among the messages, in milliseconds since the epoch; 0 if none expires. */
  readonly expires: number;
  /** When the item was written or last extended, in seconds since the epoch. */
  readonly born: number;
  /** When its oldest message came, in seconds since the epoch, if the item was extended since. Else at `born`. */
  readonly since?: number;
  /** Non-persistent messages: pushed at most once. Level 0 only. */
  readonly transient: boolean;
  /** The messages, or some of those that the page leads to, may have been delivered before. */
  readonly flagged: boolean;
  /** How many messages of its batch lie before and after it under other references. Level 0 only. */
  readonly before?: number;
  readonly after?: number;
  /** How many other references name its batch is not known: consuming this one frees nothing. */
  readonly shared: boolean;
  /** How large the batch is, in octets; absent if that is not known. Level 0 only. */
  readonly sizeBytes?: number;
};

const TRANSIENT = 1;
const FLAGGED = 2;
const SHARED = 4;

export function packReference(r: Reference): unknown[] {
  const { before = 0, after = 0 } = r;
  // Who does not know of parts takes them for shared, and frees nothing.
  const isShared = r.shared || before + after > 0;
  const flags = (r.transient ? TRANSIENT : 0) | (r.flagged ? FLAGGED : 0) | (isShared ? SHARED : 0);
  const packed: unknown[] = [r.level, r.key, r.first, r.count, r.offset, r.expires, r.born, flags];
  if (before + after > 0) packed.push(r.since ?? null, r.sizeBytes ?? 0, before, after);
  else if (r.sizeBytes !== undefined) packed.push(r.since ?? null, r.sizeBytes);
  else if (r.since !== undefined) packed.push(r.since);
  return packed;
}

type Packed = [
  level: number,
  key: string,
  first: number,
  count: number,
  offset: number,
  expires: number,
  born: number,
  flags: number,
  since?: number | null,
  sizeBytes?: number,
  before?: number,
  after?: number,
];

export function unpackReference(value: unknown): Reference {
  const [level, key, first, count, offset, expires, born, flags, since, sizeBytes, before = 0, after = 0] =
    value as Packed;
  return {
    level,
    key,
    first,
    count,
    offset,
    expires,
    born,
    transient: (flags & TRANSIENT) !== 0,
    flagged: (flags & FLAGGED) !== 0,
    shared: (flags & SHARED) !== 0 && before + after === 0,
    ...(since === undefined || since === null ? {} : { since }),
    ...(sizeBytes === undefined || sizeBytes === 0 ? {} : { sizeBytes }),
    ...(before > 0 ? { before } : {}),
    ...(after > 0 ? { after } : {}),
  };
}

/** When the oldest of the messages came, in seconds since the epoch. */
export function sinceOf({ since, born }: Pick<Reference, 'since' | 'born'>): number {
  return since ?? born;
}

/** With its item extended at `born`, in seconds since the epoch: its messages are as old as they were. */
export function keptAlive(reference: Reference, born: number): Reference {
  return { ...reference, born, since: sinceOf(reference) };
}

const PAGE_VERSION = 1;

/** A page: references in the order of their sequences, without a gap between them. */
export function encodePage(references: readonly Reference[]): Uint8Array {
  return pack([PAGE_VERSION, ...references.map(packReference)]);
}

/** @throws BrokerError CORRUPT */
export function decodePage(key: string, bytes: Uint8Array): readonly Reference[] {
  return unpackVersioned(`page ${key}`, bytes, [PAGE_VERSION], (value) => value.slice(1).map(unpackReference));
}
