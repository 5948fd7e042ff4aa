import { Packr } from 'msgpackr';
import { BrokerError } from '../../model/errors.ts';
import type { Head } from '../port.ts';

const packr = new Packr({ useRecords: false, int64AsType: 'number' });
/** A head of the first generation; a later one says which it is. */
const FIRST = 1;
const LATER = 2;

type Layout = readonly [
  layout: number,
  nonce: string,
  until: number,
  rings: number,
  due: number,
  inbox: readonly Uint8Array[],
  state: Uint8Array | null,
  generation?: number,
];

/** A head as one value of the store; the shard's name is its key. */
export function encodeHead(head: Head, generation: number): Buffer {
  const { lease } = head;
  const { rings, due, inbox, state = null } = head;
  const rest = [lease?.nonce ?? '', lease?.until ?? 0, rings, due, inbox, state] as const;
  const layout: Layout = generation === 0 ? [FIRST, ...rest] : [LATER, ...rest, generation];
  return packr.pack(layout);
}

/** @throws BrokerError CORRUPT if the octets are no head, UNAVAILABLE if they are of a layout not known here. */
export function decodeHead(shard: string, bytes: Uint8Array): { readonly head: Head; readonly generation: number } {
  const [layout, nonce, until, rings, due, inbox, state, generation = 0] = unpackLayout(shard, bytes);
  if (!isKnown(layout)) {
    const known = `${FIRST} and ${LATER}`;
    throw new BrokerError('UNAVAILABLE', `The head of ${shard} is of layout ${layout}; this code reads ${known}.`);
  }
  const lease = nonce === '' ? undefined : { nonce, until };
  return { head: { shard, lease, rings, inbox, state: state ?? undefined, due }, generation };
}

function isKnown(layout: number): boolean {
  return layout === FIRST || layout === LATER;
}

function unpackLayout(shard: string, bytes: Uint8Array): Layout {
  let cause: unknown;
  try {
    const value: unknown = packr.unpack(bytes);
    if (isLayout(value)) return value;
  } catch (error) {
    cause = error;
  }
  throw new BrokerError('CORRUPT', `The stored head of ${shard} cannot be read.`, { cause, details: { shard } });
}

/** What is of another layout need not look like this one. */
function isLayout(value: unknown): value is Layout {
  if (!Array.isArray(value)) return false;
  const [layout, nonce, until, rings, due, inbox, state, generation = 0] = value as unknown[];
  if (typeof layout === 'number' && !isKnown(layout)) return true;
  const areNumbers = [layout, until, rings, due, generation].every((number) => typeof number === 'number');
  const areOctets = Array.isArray(inbox) && inbox.every((entry) => entry instanceof Uint8Array);
  return areNumbers && typeof nonce === 'string' && areOctets && (state === null || state instanceof Uint8Array);
}
