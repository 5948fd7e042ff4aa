import { describe, expect, it } from 'vitest';
import { BrokerError } from '../../../lib/model/errors.ts';
import type { OutgoingMessage } from '../../../lib/model/message.ts';
import { decodeBatch, encodeBatch } from '../../../lib/shard/codec/batch.ts';
import { decodeEntry, type Entry, encodeEntry, type Request, type Settle } from '../../../lib/shard/codec/entry.ts';
import { pack, unpack } from '../../../lib/shard/codec/packing.ts';
import { decodeState, encodeState } from '../../../lib/shard/codec/state-codec.ts';
import { decodePage, encodePage, type Reference } from '../../../lib/shard/state/reference.ts';
import { emptyState, type State } from '../../../lib/shard/state/state.ts';
import { SEVERAL } from '../../../lib/shard/state/unanswered.ts';

const ranges = [
  { first: 1, count: 2, attempt: 1 },
  { first: 2 ** 40, count: 1, attempt: 7 },
];

function transaction(settles: readonly Settle[]): Request {
  const own = [{ key: 'k', runs: [{ count: 1, transient: false, expires: 0 }], sizeBytes: 9 }];
  const onward = [{ target: '/queue/ö', key: 'k', offset: 1, count: 2 }];
  return { kind: 'transact', begun: 1_700_000_000_123, connection: 'c', settles, own, onward };
}

/** One of each kind, and of each of its choices. */
const requests: readonly Request[] = [
  {
    kind: 'send',
    key: 'k',
    born: 1,
    runs: [
      { count: 3, transient: false, expires: 0 },
      { count: 1, transient: true, expires: 1_700_000_000_123 },
    ],
  },
  { kind: 'send', key: 'k', born: 1, runs: [], sizeBytes: 17 },
  { kind: 'forward', key: 'k', source: '/queue/ä', numbers: [1, 2, 9], born: 5 },
  { kind: 'forward', key: 'k', source: '/queue/ä', numbers: [1], born: 5, sizeBytes: 17 },
  { kind: 'acknowledge', incarnation: 'abcdef', deliveries: ranges },
  { kind: 'reject', incarnation: 'abcdef', deliveries: ranges },
  { kind: 'reject', incarnation: 'abcdef', deliveries: ranges, requeue: 'never' },
  { kind: 'reject', incarnation: 'abcdef', deliveries: ranges, requeue: 1_700_000_000_123 },
  { kind: 'acknowledge-up-to', incarnation: 'abcdef', sequence: 9, deliveryAttempt: 2 },
  { kind: 'reject-up-to', incarnation: 'abcdef', sequence: 9, deliveryAttempt: 2 },
  { kind: 'reject-up-to', incarnation: 'abcdef', sequence: 9, deliveryAttempt: 2, requeue: 'never' },
  { kind: 'acknowledge-message', consumer: 'c', key: 'k', index: 4, upTo: true },
  { kind: 'reject-message', consumer: 'c', key: 'k', index: 4, upTo: false },
  { kind: 'reject-message', consumer: 'c', key: 'k', index: 4, upTo: true, requeue: 1_700_000_000_123 },
  { kind: 'extend', incarnation: 'abcdef', deliveries: ranges, deadline: 1_700_000_000_123 },
  { kind: 'join', connection: 'c', subscription: 's', ack: 'auto', prefetch: 20 },
  { kind: 'join', connection: 'c', subscription: 's', ack: 'client', prefetch: 1 },
  { kind: 'join', connection: 'c', subscription: 's', ack: 'client-individual', prefetch: 4096 },
  { kind: 'leave', consumer: 'c', reason: 'unsubscribed' },
  { kind: 'leave', consumer: 'c', reason: 'lost' },
  { kind: 'leave', consumer: 'c', reason: 'unanswered' },
  { kind: 'receive', max: 10, deadline: 1_700_000_000_123 },
  { kind: 'purge' },
  { kind: 'kept-alive', upTo: 100, born: 1_700_000_000, seen: 1_700_000_060 },
  transaction([{ kind: 'acknowledge', incarnation: 'abcdef', deliveries: ranges }]),
  transaction([{ kind: 'reject', incarnation: 'abcdef', deliveries: ranges, requeue: 'never' }]),
];
const entries = requests.map((request, i): Entry => ({ id: `entry-${i}`, attempt: i + 1, ...request }) as Entry);

const past = { born: 1_700_000_000, transient: false, flagged: false, shared: false };
const references: readonly Reference[] = [
  { level: 0, key: 'a', first: 1, count: 2, offset: 3, expires: 0, ...past },
  { level: 0, key: 'b', first: 3, count: 1, offset: 0, expires: 1_700_000_000_123, ...past, transient: true },
  { level: 0, key: 'c', first: 4, count: 1, offset: 0, expires: 0, ...past, flagged: true },
  { level: 0, key: 'd', first: 5, count: 1, offset: 0, expires: 0, ...past, shared: true },
  { level: 2, key: 'e', first: 6, count: 2 ** 40, offset: 0, expires: 0, ...past },
  { level: 0, key: 'f', first: 2 ** 41, count: 1, offset: 1, expires: 0, ...past, sizeBytes: 9, since: 5 },
  { level: 0, key: 'f', first: 2 ** 41 + 1, count: 1, offset: 1, expires: 0, ...past, before: 1, after: 2 },
];

const flight = { first: 1, count: 2, consumer: 3, attempt: 1, failures: 0, deadline: 0 };
const plain = { transient: false, pushing: false, redelivered: false };
const back = {
  first: 9,
  count: 1,
  attempt: 2,
  failures: 1,
  transient: false,
  redelivered: false,
  suspect: false,
  lost: false,
};
const member = { connection: 'c', subscription: 's', prefetch: 20, seen: 1_700_000_000, patience: 60 };
const state: State = {
  ...emptyState('abcdef'),
  next: 2 ** 41,
  references,
  held: references.slice(0, 4),
  flights: [
    { ...flight, ...plain },
    { ...flight, ...plain, attempt: 2 },
    { ...flight, ...plain, failures: 1 },
    { ...flight, ...plain, deadline: 1_700_000_000_123 },
    { ...flight, ...plain, transient: true },
    { ...flight, ...plain, pushing: true },
    { ...flight, ...plain, redelivered: true },
    { ...flight, ...plain, unanswered: { consumer: 3, order: 1 } },
  ],
  returned: [
    back,
    { ...back, transient: true },
    { ...back, redelivered: true },
    { ...back, suspect: true },
    { ...back, lost: true },
    { ...back, unanswered: { consumer: SEVERAL, order: -2 } },
  ],
  delayed: [
    { first: 3, count: 2, attempt: 1, failures: 1, transient: false, redelivered: true, until: 1_700_000_000_123 },
    { ...{ first: 4, count: 1, attempt: 1, failures: 1, transient: true, redelivered: true }, until: 5 },
  ],
  consumers: [
    { number: 1, id: 'x', ack: 'auto', ...member },
    { number: 2, id: 'y', ack: 'client', ...member },
    { number: 3, id: 'z', ack: 'client-individual', ...member, connection: '' },
  ],
  nextConsumer: 4,
  rotation: 2,
  counts: { sent: 1, acknowledged: 2, deadLettered: 3, expired: 4, purged: 5, dropped: 6 },
  recent: ['a', 'b'],
  repeated: ['c'],
  sources: [
    { source: 'orders', floor: 3, taken: [[5, 6] as const, [8, 11] as const] },
    { source: 'again', floor: 0, taken: [], anewAt: 1_700_000_000 },
    { source: 'anew', floor: 0, taken: [], first: 7 },
  ],
  wake: 28_333_333,
  keepAlive: { upTo: 7, born: 1_700_000_000, seen: 1_700_000_001 },
  front: { first: 1, expires: 1_700_000_000_123 },
  outgoing: [
    { first: 11, count: 2, failures: 5, number: 3 },
    { first: 13, count: 1, failures: 1, number: 5, isRefused: true },
  ],
  nextForward: 6,
  forwardRetry: { at: 1_700_000_000_123, tries: 2, mayBeTaken: false },
  apart: [{ first: 13, count: 4, key: 'm' }],
  litter: [{ key: 'p', first: 17 }],
  copies: ['k'],
  left: ['l'],
  rejected: ['r'],
  forgotSource: true,
  awaited: [1_700_000_001_000, 1_700_000_030_000],
};

const messages: readonly OutgoingMessage[] = [
  { body: Buffer.from('text'), text: true, headers: { a: '1', 'content-type': 'text/plain' } },
  { body: Buffer.of(0, 255), text: false, headers: { b: '' } },
  { body: Buffer.alloc(0), text: true, headers: {} },
  { body: Buffer.alloc(0), text: false, headers: {} },
];

/** Fresh octets: a state that was just encoded is remembered by them. */
const copy = (bytes: Uint8Array) => Uint8Array.from(bytes);

describe('what is written is read again', () => {
  it.each(entries)('an entry of kind $kind', (entry) => {
    expect(decodeEntry(copy(encodeEntry(entry)))).toEqual(entry);
  });

  it('an entry by a number that older code does not know, where it rejects for a while or for good', () => {
    const numberOf = (entry: Entry) => unpack('entry', encodeEntry(entry), ([kind]) => kind as number);
    const isRequeued = (entry: Entry) => encodeEntry(entry).length > 0 && JSON.stringify(entry).includes('requeue');
    for (const entry of entries) expect([entry.kind, numberOf(entry) > 14]).toEqual([entry.kind, isRequeued(entry)]);
  });

  it('a state, every field of it', () => {
    expect(decodeState(copy(encodeState(state)))).toEqual(state);
    expect(decodeState(copy(encodeState(emptyState('x'))))).toEqual(emptyState('x'));
  });

  it('a state without what came later, as it was written before that came', () => {
    const bytes = encodeState({ ...emptyState('x'), wake: 5 });
    const layout = unpack('state', bytes, (value) => value);
    expect(layout).toEqual([1, 'x', 1, [], [], [], [], [], 1, 0, [0, 0, 0, 0, 0, 0], [], [], [], 5]);
  });

  it('a state of before, of whose second copies nobody knows the keys', () => {
    const page = [1, 'p', 1, 9, 0, 0, 1, 2];
    const before = pack([1, 'x', 10, [page], [], [], [], [], 1, 0, [9, 0, 0, 0, 0, 0], [], [], [], 0]);
    expect(decodeState(before).copies).toEqual(['*']);
  });

  it('a state with messages in a page that may be repeats, and without second copies', () => {
    const page = { ...references[0], key: 'p', level: 1, offset: 0, flagged: true } as Reference;
    const before = { ...emptyState('x'), references: [page] };
    expect(decodeState(copy(encodeState(before))).copies).toEqual([]);
  });

  it('a state from before anybody was said to sleep for it', () => {
    const bytes = encodeState({ ...emptyState('x'), forgotSource: true });
    const layout = unpack('state', bytes, (value) => value);
    expect(layout.at(-1)).toEqual([0, [], [], [], [], [], [], [], 1]);
    expect(decodeState(copy(bytes)).awaited).toEqual([]);
  });

  it('a state from before a refusal was told from a forward of which nobody heard', () => {
    const retry = { at: 1_700_000_000_123, tries: 2, mayBeTaken: true };
    const bytes = encodeState({ ...emptyState('x'), forwardRetry: retry });
    const layout = unpack('state', bytes, (value) => value);
    expect(layout.at(-1)).toEqual([0, [], [1_700_000_000_123, 2]]);
    expect(decodeState(copy(bytes)).forwardRetry).toEqual(retry);
  });

  it('a page', () => {
    expect(decodePage('p', copy(encodePage(references)))).toEqual(references);
  });

  it('a batch, text and binary, with and without headers', () => {
    const decoded = decodeBatch('b', copy(encodeBatch(messages, 1_700_000_000_123)));
    expect(decoded.map(({ text, headers }) => ({ text, headers }))).toEqual(
      messages.map(({ text, headers }) => ({ text, headers })),
    );
    expect(decoded.map(({ body }) => Buffer.from(body).toString('hex'))).toEqual(['74657874', '00ff', '', '']);
    expect(decoded[0]?.timestamp).toBe(1_700_000_000_123);
  });
});

const codecs: readonly [string, Uint8Array, (bytes: Uint8Array) => unknown][] = [
  ['state', encodeState(state), decodeState],
  ['page', encodePage(references), (bytes) => decodePage('p', bytes)],
  ['batch', encodeBatch(messages, 1), (bytes) => decodeBatch('b', bytes)],
  ...entries.map((entry): [string, Uint8Array, (bytes: Uint8Array) => unknown] => [
    entry.kind,
    encodeEntry(entry),
    decodeEntry,
  ]),
];

/** What reading throws; undefined if it reads. */
function failureOf(read: () => unknown): unknown {
  try {
    read();
    return undefined;
  } catch (error) {
    return error;
  }
}

describe('what is damaged is refused as such', () => {
  const values = [null, 0, 'text', {}, [], [null], [[]], ['1'], new Date(0)];

  it.each(codecs)('a %s that is cut short is CORRUPT', (_, bytes, decode) => {
    for (let length = 0; length < bytes.length; length++) {
      expect(failureOf(() => decode(copy(bytes.subarray(0, length))))).toMatchObject({ code: 'CORRUPT' });
    }
  });

  it.each(codecs)('a %s with any octet changed is read or refused, and never crashes', (_, bytes, decode) => {
    for (let at = 0; at < bytes.length; at++) {
      for (const octet of [0x00, 0x7f, 0x80, 0x90, 0xa0, 0xc0, 0xc1, 0xc7, 0xdc, 0xff]) {
        const damaged = copy(bytes);
        damaged[at] = octet;
        const failure = failureOf(() => decode(damaged));
        if (failure !== undefined && !(failure instanceof BrokerError)) throw failure;
      }
    }
  });

  it.each(codecs)('something else in the place of a %s is refused', (_, __, decode) => {
    for (const value of values) {
      expect(
        failureOf(() => decode(pack(value))),
        JSON.stringify(value),
      ).toBeInstanceOf(BrokerError);
    }
  });
});

it.each(codecs.slice(0, 3))('a %s of a newer version is UNAVAILABLE: newer code reads it', (_, bytes, decode) => {
  const newer = pack([9, ...unpack('value', bytes, (value) => value).slice(1)]);
  expect(failureOf(() => decode(newer))).toMatchObject({ code: 'UNAVAILABLE', retryable: true });
});

it('an entry of an unknown kind is UNAVAILABLE: newer code reads it', () => {
  expect(failureOf(() => decodeEntry(pack([99, 'id', 1])))).toMatchObject({ code: 'UNAVAILABLE' });
});

it('a state that is as usual stays small', () => {
  const busy = { ...emptyState('abcdef'), flights: [{ ...flight, ...plain }], consumers: state.consumers.slice(0, 1) };
  expect(encodeState(busy).byteLength).toBeLessThan(80);
});
