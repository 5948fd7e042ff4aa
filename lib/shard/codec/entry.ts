import { BrokerError } from '../../model/errors.ts';
import type { AckMode } from '../../model/message.ts';
import type { KeepAlive } from '../state/state.ts';
import { pack, unpack } from './packing.ts';

/** Sequences of one batch that share persistence; `expires` is the earliest expiry among them, 0 if none. */
export type Run = { readonly count: number; readonly transient: boolean; readonly expires: number };

/** Deliveries by sequence: `count` from `first`, all of the same attempt. */
export type DeliveryRange = { readonly first: number; readonly count: number; readonly attempt: number };

/**
 * Why a consumer goes. Deliveries of a lost connection count towards dead-lettering; those of a pull that was never
 * answered were none.
 */
export type LeaveReason = 'unsubscribed' | 'lost' | 'unanswered';

/** One request put into the inbox. `id` is unique; a repeat bears the same id and a higher `attempt`, from 1. */
export type Entry = { readonly id: string; readonly attempt: number } & Request;

export type Request =
  /** Messages of the batch `key`, in `runs` from its index 0. */
  | {
      readonly kind: 'send';
      readonly key: string;
      readonly runs: readonly Run[];
      readonly born: number;
      /** How large the batch is, in octets; absent if that is not known. */
      readonly sizeBytes?: number;
    }
  /** Messages that another shard gives up to this one: message i of the batch is the `numbers[i]`th that it forwards. */
  | {
      readonly kind: 'forward';
      readonly key: string;
      readonly source: string;
      readonly numbers: readonly number[];
      readonly born: number;
      readonly sizeBytes?: number;
      /** Absent where all of them are persistent and none expires. */
      readonly runs?: readonly Run[];
    }
  | Settle
  /**
   * All of this or nothing: deliveries that end, messages for this shard, and messages for others.
   * @see JMS 3.1 §6.2.7
   */
  | {
      readonly kind: 'transact';
      /** When it was asked for, in milliseconds since the epoch. */
      readonly begun: number;
      /** Whose deliveries end; empty where whoever has their tokens may end them. */
      readonly connection: string;
      readonly settles: readonly Settle[];
      readonly own: readonly OwnPart[];
      readonly onward: readonly OnwardPart[];
    }
  /** New deadline, in milliseconds since the epoch. */
  | {
      readonly kind: 'extend';
      readonly incarnation: string;
      readonly deliveries: readonly DeliveryRange[];
      readonly deadline: number;
    }
  | {
      readonly kind: 'join';
      readonly connection: string;
      readonly subscription: string;
      readonly ack: AckMode;
      readonly prefetch: number;
    }
  | { readonly kind: 'leave'; readonly consumer: string; readonly reason: LeaveReason }
  /** A pull of at most `max` messages, each to be acknowledged before `deadline`. */
  | { readonly kind: 'receive'; readonly max: number; readonly deadline: number }
  | { readonly kind: 'purge' }
  /** How far a keep-alive of bodies has come. */
  | ({
      readonly kind: 'kept-alive';
      /** What was sent onward under lower numbers than this is done, as far as it was due. */
      readonly onward?: number;
    } & KeepAlive);

/**
 * What becomes of a rejected message: it is ready again at this time, in milliseconds since the epoch; or never, and
 * dead-lettered at once.
 */
export type Requeue = number | 'never';

/** How deliveries end. What is rejected without `requeue` is ready again at once. */
export type Settle =
  | {
      readonly kind: 'acknowledge' | 'reject';
      readonly incarnation: string;
      readonly deliveries: readonly DeliveryRange[];
      readonly requeue?: Requeue;
    }
  /** Cumulative: this delivery and all that its consumer got before it. @see STOMP 1.2 SUBSCRIBE, ack:client */
  | {
      readonly kind: 'acknowledge-up-to' | 'reject-up-to';
      readonly incarnation: string;
      readonly sequence: number;
      readonly deliveryAttempt: number;
      readonly requeue?: Requeue;
    }
  /** By message id, as STOMP 1.0 and 1.1 acknowledge. @see STOMP 1.1 ACK */
  | {
      readonly kind: 'acknowledge-message' | 'reject-message';
      readonly consumer: string;
      readonly key: string;
      readonly index: number;
      readonly upTo: boolean;
      readonly requeue?: Requeue;
    };

/** Messages of a transaction for the shard that decides it: all of one batch. */
export type OwnPart = { readonly key: string; readonly runs: readonly Run[]; readonly sizeBytes: number };

/** Those for another shard: `count` of one batch, from the index `offset`. */
export type OnwardPart = {
  readonly target: string;
  readonly key: string;
  readonly offset: number;
  readonly count: number;
};

/** The keys of the batches that a request brings. */
export function batchKeysOf(request: Request): readonly string[] {
  if (request.kind === 'send' || request.kind === 'forward') return [request.key];
  if (request.kind !== 'transact') return [];
  return [...new Set([...request.own, ...request.onward].map(({ key }) => key))];
}

const kinds = [
  'send',
  'forward',
  'acknowledge',
  'reject',
  'acknowledge-up-to',
  'reject-up-to',
  'acknowledge-message',
  'reject-message',
  'extend',
  'join',
  'leave',
  'receive',
  'purge',
  'kept-alive',
  'transact',
  // With `requeue`: code that knows nothing of that reads none of them.
  'reject',
  'reject-up-to',
  'reject-message',
  'transact',
] as const satisfies readonly Request['kind'][];

/** In place of the time at which a message is ready again. */
const NEVER = -1;

const modes = ['auto', 'client', 'client-individual'] as const satisfies readonly AckMode[];
const reasons = ['unsubscribed', 'lost', 'unanswered'] as const satisfies readonly LeaveReason[];

export function encodeEntry(entry: Entry): Uint8Array {
  return pack([kindNumber(entry), entry.id, entry.attempt, ...fields(entry)]);
}

function isRequeued(entry: Request): boolean {
  if (entry.kind === 'transact') return entry.settles.some(isRequeued);
  return 'requeue' in entry && entry.requeue !== undefined;
}

function kindNumber(entry: Request): number {
  return isRequeued(entry) ? kinds.lastIndexOf(entry.kind) : kinds.indexOf(entry.kind);
}

function fields(entry: Request): unknown[] {
  switch (entry.kind) {
    case 'send':
      return [entry.key, entry.born, packRuns(entry.runs), ...sizeOf(entry)];
    case 'forward':
      return [
        entry.key,
        entry.source,
        entry.born,
        entry.numbers,
        ...(entry.runs ? [entry.sizeBytes ?? 0, packRuns(entry.runs)] : sizeOf(entry)),
      ];
    case 'acknowledge':
    case 'reject':
      return [entry.incarnation, packRanges(entry.deliveries), ...packRequeue(entry)];
    case 'acknowledge-up-to':
    case 'reject-up-to':
      return [entry.incarnation, entry.sequence, entry.deliveryAttempt, ...packRequeue(entry)];
    case 'acknowledge-message':
    case 'reject-message':
      return [entry.consumer, entry.key, entry.index, entry.upTo, ...packRequeue(entry)];
    case 'extend':
      return [entry.incarnation, packRanges(entry.deliveries), entry.deadline];
    case 'join':
      return [entry.connection, entry.subscription, modes.indexOf(entry.ack), entry.prefetch];
    case 'leave':
      return [entry.consumer, reasons.indexOf(entry.reason)];
    case 'receive':
      return [entry.max, entry.deadline];
    case 'purge':
      return [];
    case 'kept-alive':
      return [entry.upTo, entry.born, entry.seen, ...(entry.onward ? [entry.onward] : [])];
    case 'transact':
      return [
        entry.begun,
        entry.connection,
        entry.settles.map((settle) => [kindNumber(settle), ...fields(settle)]),
        entry.own.map((part) => [part.key, packRuns(part.runs), part.sizeBytes]),
        entry.onward.map((part) => [part.target, part.key, part.offset, part.count]),
      ];
  }
}

function packRuns(runs: readonly Run[]): number[] {
  return runs.flatMap((run) => [run.count, run.transient ? 1 : 0, run.expires]);
}

function unpackRuns(flat: readonly number[]): Run[] {
  return triples(flat).map(([count, transient, expires]) => ({ count, transient: transient === 1, expires }));
}

function sizeOf({ sizeBytes }: { readonly sizeBytes?: number }): number[] {
  return sizeBytes === undefined ? [] : [sizeBytes];
}

function packRequeue({ requeue }: { readonly requeue?: Requeue }): number[] {
  if (requeue === undefined) return [];
  return [requeue === 'never' ? NEVER : requeue];
}

function unpackRequeue(packed: number | undefined): { readonly requeue?: Requeue } {
  if (packed === undefined) return {};
  return { requeue: packed === NEVER ? 'never' : packed };
}

function packRanges(ranges: readonly DeliveryRange[]): number[] {
  return ranges.flatMap((range) => [range.first, range.count, range.attempt]);
}

function unpackRanges(flat: readonly number[]): DeliveryRange[] {
  return triples(flat).map(([first, count, attempt]) => ({ first, count, attempt }));
}

function triples(flat: readonly number[]): [number, number, number][] {
  const all: [number, number, number][] = [];
  for (let i = 0; i + 2 < flat.length; i += 3) all.push(flat.slice(i, i + 3) as [number, number, number]);
  return all;
}

/** @throws BrokerError CORRUPT; UNAVAILABLE if a newer version wrote it. */
export function decodeEntry(bytes: Uint8Array): Entry {
  return unpack('inbox entry', bytes, (value) => {
    const [kind, id, attempt, ...rest] = value as [number, string, number, ...unknown[]];
    const name = typeof kind === 'number' ? kinds[kind] : undefined;
    if (name) return { id, attempt, ...request(name, rest) };
    throw unknownKind(kind);
  });
}

function unknownKind(kind: unknown): BrokerError {
  return new BrokerError('UNAVAILABLE', `The inbox holds an entry of kind ${kind}, which is not known here.`);
}

function request(kind: Request['kind'], rest: unknown[]): Request {
  // The layout is that of `fields`, position by position.
  const [a, b, c, d, e, f] = rest as [never, never, never, never, never, never];
  switch (kind) {
    case 'send':
      return {
        kind,
        key: a,
        born: b,
        runs: unpackRuns(c),
        ...(d === undefined ? {} : { sizeBytes: d }),
      };
    case 'forward':
      return {
        ...{ kind, key: a, source: b, born: c, numbers: d },
        ...(e ? { sizeBytes: e } : {}),
        ...(f === undefined ? {} : { runs: unpackRuns(f) }),
      };
    case 'acknowledge':
    case 'reject':
      return { kind, incarnation: a, deliveries: unpackRanges(b), ...unpackRequeue(c) };
    case 'acknowledge-up-to':
    case 'reject-up-to':
      return { kind, incarnation: a, sequence: b, deliveryAttempt: c, ...unpackRequeue(d) };
    case 'acknowledge-message':
    case 'reject-message':
      return { kind, consumer: a, key: b, index: c, upTo: d, ...unpackRequeue(e) };
    case 'extend':
      return { kind, incarnation: a, deliveries: unpackRanges(b), deadline: c };
    case 'join':
      return { kind, connection: a, subscription: b, ack: modes[c] ?? 'client-individual', prefetch: d };
    case 'leave':
      return { kind, consumer: a, reason: reasons[b] ?? 'lost' };
    case 'receive':
      return { kind, max: a, deadline: b };
    case 'purge':
      return { kind };
    case 'kept-alive':
      return { kind, upTo: a, born: b, seen: c, ...(d === undefined ? {} : { onward: d }) };
    case 'transact':
      return transaction(a, b, { settles: c, own: d, onward: e });
  }
}

type PackedTransaction = {
  readonly settles: [number, ...unknown[]][];
  readonly own: [string, number[], number][];
  readonly onward: [string, string, number, number][];
};

function transaction(begun: number, connection: string, packed: PackedTransaction): Request {
  return {
    kind: 'transact',
    begun,
    connection,
    settles: packed.settles.map(([kind, ...rest]) => {
      const name = kinds[kind];
      if (!name) throw unknownKind(kind);
      return request(name, rest) as Settle;
    }),
    own: packed.own.map(([key, runs, sizeBytes]) => ({ key, runs: unpackRuns(runs), sizeBytes })),
    onward: packed.onward.map(([target, key, offset, count]) => ({ target, key, offset, count })),
  };
}
