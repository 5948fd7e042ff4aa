import { Packr } from 'msgpackr';
import { BrokerError } from '../../model/errors.ts';
import type { Head } from '../port.ts';

const packr = new Packr({ useRecords: false, int64AsType: 'number' });
const LAYOUT = 1;

type Layout = readonly [
  layout: number,
  nonce: string,
  until: number,
  rings: number,
  due: number,
  inbox: readonly Uint8Array[],
  state: Uint8Array | null,
];

/** A head as one value of the store; the shard's name is its key. */
export function encodeHead(head: Head): Buffer {
  const { lease } = head;
  const layout: Layout = [
    LAYOUT,
    lease?.nonce ?? '',
    lease?.until ?? 0,
    head.rings,
    head.due,
    head.inbox,
    head.state ?? null,
  ];
  return packr.pack(layout);
}

/** @throws BrokerError CORRUPT if the octets are no head, UNAVAILABLE if they are of a layout not known here. */
export function decodeHead(shard: string, bytes: Uint8Array): Head {
  const [layout, nonce, until, rings, due, inbox, state] = unpackLayout(shard, bytes);
  if (layout !== LAYOUT) {
    throw new BrokerError('UNAVAILABLE', `The head of ${shard} is of layout ${layout}; this code reads ${LAYOUT}.`);
  }
  return { shard, lease: nonce === '' ? undefined : { nonce, until }, rings, inbox, state: state ?? undefined, due };
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
  const [layout, nonce, until, rings, due, inbox, state] = value as unknown[];
  if (typeof layout === 'number' && layout !== LAYOUT) return true;
  const areNumbers = [layout, until, rings, due].every((number) => typeof number === 'number');
  const areOctets = Array.isArray(inbox) && inbox.every((entry) => entry instanceof Uint8Array);
  return areNumbers && typeof nonce === 'string' && areOctets && (state === null || state instanceof Uint8Array);
}
