import type { Blob, Head, RecordKey } from '../port.ts';
import { attributes, blobPartition, blobSort, duePartition, headSort, wakeSort } from './tables.ts';

const WRITE_UNIT_BYTES = 1024;
const READ_UNIT_BYTES = 4096;

/** Write units of an item of `bytes` octets, which is the larger of before and after. */
export function writeUnits(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / WRITE_UNIT_BYTES));
}

/** Read units of a consistent read of `bytes` octets; one that is eventually consistent costs half. */
export function readUnits(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / READ_UNIT_BYTES));
}

/** Octets of a head's item, as DynamoDB counts them. 0 if there is none. */
export function headBytes(head: Head | undefined): number {
  if (!head) return 0;
  const { lease, state, due } = head;
  return (
    keyBytes(head.shard, headSort) +
    attribute(attributes.inbox, listBytes(head.inbox)) +
    (head.rings > 0 ? attribute(attributes.rings, numberBytes(head.rings)) : 0) +
    (lease ? attribute(attributes.nonce, textBytes(lease.nonce)) : 0) +
    (lease ? attribute(attributes.until, numberBytes(lease.until)) : 0) +
    (state ? attribute(attributes.state, state.length) : 0) +
    (due > 0 ? indexedBytes(head.shard, due) : 0)
  );
}

export function blobBytes(shard: string, blob: Blob): number {
  return (
    keyBytes(blobPartition(shard, blob.key), blobSort) +
    attribute(attributes.bytes, blob.bytes.length) +
    attribute(attributes.ttl, numberBytes(blob.expiresAt))
  );
}

export function wakeBytes(shard: string, minute: number): number {
  return keyBytes(shard, wakeSort(minute)) + indexedBytes(shard, minute);
}

/** Octets of what the index holds of a ring: of KEYS_ONLY, the keys of the table and its own. */
export function ringIndexBytes(shard: string, minute: number): number {
  return keyBytes(shard, headSort) + indexedBytes(shard, minute);
}

export function recordBytes(key: RecordKey, value: Uint8Array, expiresAt: number | undefined): number {
  const ttl = expiresAt === undefined ? 0 : attribute(attributes.ttl, numberBytes(expiresAt));
  return keyBytes(key.family, key.name) + attribute(attributes.bytes, value.length) + ttl;
}

function keyBytes(partition: string, sort: string): number {
  return attribute(attributes.pk, textBytes(partition)) + attribute(attributes.sk, textBytes(sort));
}

function indexedBytes(shard: string, minute: number): number {
  return (
    attribute(attributes.minute, numberBytes(minute)) + attribute(attributes.spread, numberBytes(duePartition(shard)))
  );
}

function attribute(name: string, valueBytes: number): number {
  return textBytes(name) + valueBytes;
}

function textBytes(text: string): number {
  return Buffer.byteLength(text);
}

/** One octet for every two significant digits, and one more. */
function numberBytes(value: number): number {
  const digits = String(value).replace(/^0+|0+$/g, '').length;
  return Math.ceil(digits / 2) + 1;
}

const LIST_BYTES = 3;
const ELEMENT_BYTES = 1;

function listBytes(elements: readonly Uint8Array[]): number {
  return elements.reduce((sum, element) => sum + ELEMENT_BYTES + element.length, LIST_BYTES);
}
