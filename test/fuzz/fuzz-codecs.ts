import { BrokerError } from '../../lib/model/errors.ts';
import { decodeBatch, encodeBatch } from '../../lib/shard/codec/batch.ts';
import { decodeEntry, type Entry, encodeEntry } from '../../lib/shard/codec/entry.ts';
import { decodeState, encodeState } from '../../lib/shard/codec/state-codec.ts';
import { decodePage, encodePage, type Reference } from '../../lib/shard/state/reference.ts';
import { emptyState, type State } from '../../lib/shard/state/state.ts';
import { decodeHead, encodeHead } from '../../lib/store/lmdb/head-codec.ts';
import type { Prng } from '../simulation/prng.ts';
import { damaged } from './damage.ts';
import type { Tally } from './tally.ts';

type Codec = {
  readonly sound: Uint8Array;
  readonly decode: (bytes: Uint8Array) => unknown;
  readonly tellsAll: boolean;
};

const reference: Reference = {
  level: 0,
  key: 'abcdefghijklmnop',
  first: 7,
  count: 3,
  offset: 1,
  expires: 0,
  born: 1_700_000_000,
  transient: false,
  flagged: true,
  shared: false,
};

const state: State = {
  ...emptyState('incarn'),
  next: 42,
  references: [reference, { ...reference, first: 10, level: 1 }],
  held: [reference],
  flights: [
    {
      first: 1,
      count: 2,
      consumer: 1,
      attempt: 2,
      failures: 1,
      transient: false,
      pushing: true,
      redelivered: true,
      deadline: 5,
    },
  ],
  returned: [
    { first: 3, count: 1, attempt: 1, failures: 0, transient: true, redelivered: false, suspect: true, lost: false },
  ],
  consumers: [
    { number: 1, id: 'c', connection: 'k', subscription: '2cs', ack: 'client', prefetch: 20, seen: 9, patience: 60 },
  ],
  recent: ['abcdef', 'ghijkl'],
  repeated: ['mnopqr'],
  sources: [{ source: 's q', floor: 1, taken: [[2, 4]] }],
  outgoing: [{ first: 5, count: 1, failures: 3, number: 7 }],
  apart: [{ first: 6, count: 1, key: 'm' }],
};

const entry: Entry = {
  id: 'abcdefghijklmnop',
  attempt: 1,
  kind: 'send',
  key: 'k',
  runs: [{ count: 2, transient: false, expires: 0 }],
  born: 1,
};
const headers = { 'content-type': 'text/plain', tenant: 'acme' };
const head = {
  shard: '/queue/q',
  lease: { nonce: 'n', until: 1 },
  rings: 3,
  inbox: [encodeEntry(entry)],
  state: encodeState(state),
  due: 1,
};

/** What is stored, with its reader. What is in a head has checksums of its own; the rest of it has none. */
const codecs: Readonly<Record<string, Codec>> = {
  state: { sound: head.state, decode: decodeState, tellsAll: true },
  entry: { sound: encodeEntry(entry), decode: decodeEntry, tellsAll: true },
  page: { sound: encodePage([reference, reference]), decode: (bytes) => decodePage('k', bytes), tellsAll: true },
  batch: {
    sound: encodeBatch([{ body: Buffer.from('body'), text: true, headers }], 5),
    decode: (bytes) => decodeBatch('k', bytes),
    tellsAll: true,
  },
  head: { sound: encodeHead(head, 1), decode: (bytes) => decodeHead('/queue/q', bytes), tellsAll: false },
};

/** Damages each kind of stored item once; its reader has to find out, and to say so in the one way. */
export function fuzzCodecs(prng: Prng, tally: Tally): void {
  for (const [name, { sound, decode, tellsAll }] of Object.entries(codecs)) {
    const bytes = damaged(sound, prng);
    if (bytes.equals(sound)) continue;
    const kind = `codec: ${name}`;
    tally.tried(kind);
    try {
      decode(bytes);
      if (tellsAll) tally.leaked(kind, 'it was read', bytes.toString('base64'));
    } catch (error) {
      const isClear = error instanceof BrokerError && (error.code === 'CORRUPT' || error.code === 'UNAVAILABLE');
      if (!isClear) tally.crashed(kind, error, bytes.toString('base64'));
    }
  }
}
