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
    }
  | {
      readonly kind: 'acknowledge' | 'reject';
      readonly incarnation: string;
      readonly deliveries: readonly DeliveryRange[];
    }
  /** Cumulative: this delivery and all that its consumer got before it. @see STOMP 1.2 SUBSCRIBE, ack:client */
  | {
      readonly kind: 'acknowledge-up-to' | 'reject-up-to';
      readonly incarnation: string;
      readonly sequence: number;
      readonly deliveryAttempt: number;
    }
  /** By message id, as STOMP 1.0 and 1.1 acknowledge. @see STOMP 1.1 ACK */
  | {
      readonly kind: 'acknowledge-message' | 'reject-message';
      readonly consumer: string;
      readonly key: string;
      readonly index: number;
      readonly upTo: boolean;
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
  | ({ readonly kind: 'kept-alive' } & KeepAlive);

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
] as const satisfies readonly Request['kind'][];

const modes = ['auto', 'client', 'client-individual'] as const satisfies readonly AckMode[];
const reasons = ['unsubscribed', 'lost', 'unanswered'] as const satisfies readonly LeaveReason[];

export function encodeEntry(entry: Entry): Uint8Array {
  return pack([kinds.indexOf(entry.kind), entry.id, entry.attempt, ...fields(entry)]);
}

function fields(entry: Request): unknown[] {
  switch (entry.kind) {
    case 'send':
      return [
        entry.key,
        entry.born,
        entry.runs.flatMap((run) => [run.count, run.transient ? 1 : 0, run.expires]),
        ...sizeOf(entry),
      ];
    case 'forward':
      return [entry.key, entry.source, entry.born, entry.numbers, ...sizeOf(entry)];
    case 'acknowledge':
    case 'reject':
      return [entry.incarnation, packRanges(entry.deliveries)];
    case 'acknowledge-up-to':
    case 'reject-up-to':
      return [entry.incarnation, entry.sequence, entry.deliveryAttempt];
    case 'acknowledge-message':
    case 'reject-message':
      return [entry.consumer, entry.key, entry.index, entry.upTo];
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
      return [entry.upTo, entry.born, entry.seen];
  }
}

function sizeOf({ sizeBytes }: { readonly sizeBytes?: number }): number[] {
  return sizeBytes === undefined ? [] : [sizeBytes];
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
    throw new BrokerError('UNAVAILABLE', `The inbox holds an entry of kind ${kind}, which is not known here.`);
  });
}

function request(kind: Request['kind'], rest: unknown[]): Request {
  // The layout is that of `fields`, position by position.
  const [a, b, c, d, e] = rest as [never, never, never, never, never];
  switch (kind) {
    case 'send':
      return {
        kind,
        key: a,
        born: b,
        runs: triples(c).map(([count, transient, expires]) => ({ count, transient: transient === 1, expires })),
        ...(d === undefined ? {} : { sizeBytes: d }),
      };
    case 'forward':
      return { kind, key: a, source: b, born: c, numbers: d, ...(e === undefined ? {} : { sizeBytes: e }) };
    case 'acknowledge':
    case 'reject':
      return { kind, incarnation: a, deliveries: unpackRanges(b) };
    case 'acknowledge-up-to':
    case 'reject-up-to':
      return { kind, incarnation: a, sequence: b, deliveryAttempt: c };
    case 'acknowledge-message':
    case 'reject-message':
      return { kind, consumer: a, key: b, index: c, upTo: d };
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
      return { kind, upTo: a, born: b, seen: c };
  }
}
