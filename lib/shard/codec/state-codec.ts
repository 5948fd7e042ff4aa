import type { AckMode } from '../../model/message.ts';
import { ANY_COPY, hasFlaggedPage } from '../state/discard.ts';
import type { Past, Unanswered } from '../state/past.ts';
import { packReference, unpackReference } from '../state/reference.ts';
import type {
  Decision,
  Delayed,
  Flight,
  Onward,
  Outgoing,
  Returned,
  Source,
  State,
  TransactionOutcome,
} from '../state/state.ts';
import { pack, unpackVersioned } from './packing.ts';

/**
 * Version 1 knew nothing of what `packLater` writes, version 2 nothing of transactions, and version 3 nothing of delays;
 * the rest is as it was.
 */
const VERSIONS = [4, 3, 2, 1];
/** How much of what `packLater` writes versions 2 and 3 knew. */
const FIELDS_OF_2 = 10;
const FIELDS_OF_3 = 15;
const outcomes = ['committed', 'over', 'full'] as const satisfies readonly TransactionOutcome[];
const modes = ['auto', 'client', 'client-individual'] as const satisfies readonly AckMode[];

/** Decoding is the costly part of a turn's read; a store that keeps heads in memory hands out the same bytes again. */
const decoded = new WeakMap<Uint8Array, State>();

export function encodeState(state: State): Uint8Array {
  const c = state.counts;
  const later = packLater(state);
  const bytes = pack([
    versionOf(state, later),
    state.incarnation,
    state.next,
    state.references.map(packReference),
    state.held.map(packReference),
    state.flights.map(packFlight),
    state.returned.map(packReturned),
    state.consumers.map((x) => [
      x.number,
      x.id,
      x.connection,
      x.subscription,
      modes.indexOf(x.ack),
      x.prefetch,
      x.seen,
      x.patience,
    ]),
    state.nextConsumer,
    state.rotation,
    [c.sent, c.acknowledged, c.deadLettered, c.expired, c.purged, c.dropped],
    state.recent,
    state.repeated,
    state.sources.map(packSource),
    state.wake,
    ...packRest(state, later),
  ]);
  decoded.set(bytes, state);
  return bytes;
}

function versionOf({ references }: State, later: readonly unknown[]): number {
  if (later.length > FIELDS_OF_3) return 4;
  if (later.length > FIELDS_OF_2) return 3;
  // Of a state of version 1 whose pages are flagged nobody knows the second copies.
  return later.length > 0 || hasFlaggedPage(references) ? 2 : 1;
}

function packSource({ source, floor, taken, anewAt = 0, first = 0 }: Source): unknown[] {
  return [source, floor, taken, ...withoutTail([anewAt, first], (value) => value === 0)];
}

/** What most shards have none of takes no room: the array ends before it. */
function packRest({ keepAlive, front }: State, later: readonly unknown[]): unknown[] {
  const rest = [
    keepAlive ? [keepAlive.upTo, keepAlive.born, keepAlive.seen] : null,
    front ? [front.first, front.expires] : null,
  ];
  return withoutTail([...rest, ...(later.length > 0 ? [later] : [])], (value) => value === null);
}

function packLater(state: State): unknown[] {
  const {
    outgoing,
    nextForward,
    forwardRetry: retry,
    apart,
    litter,
    copies,
    left,
    rejected,
    forgotSource,
    awaited,
    nextOnward,
    forgotDecision,
  } = state;
  const fields = [
    nextForward - 1,
    // Who knows of no fifth number takes what was refused for what has no deliveries left.
    outgoing.map((x) => [x.first, x.count, x.failures, x.number, ...(x.isRefused ? [1] : [])]),
    // Who knows of no third number takes what was refused for what may have been taken.
    retry ? [retry.at, retry.tries, ...(retry.mayBeTaken ? [] : [1])] : [],
    apart.map((x) => [x.first, x.count, x.key]),
    litter.map((x) => [x.key, x.first]),
    copies,
    left,
    rejected,
    forgotSource ? 1 : 0,
    awaited.map((time) => time / 1000),
    nextOnward - 1,
    state.onward.map((x) => [x.target, x.number, x.count, x.key, x.offset, x.born]),
    state.onwardRetries.map((x) => [x.target, x.at, x.tries, x.upTo]),
    state.decisions.map((x) => [x.id, x.at, outcomes.indexOf(x.outcome), x.first, x.end]),
    forgotDecision,
    state.delayed.map(packDelayed),
  ];
  return withoutTail(fields, (value) => (Array.isArray(value) ? value.length === 0 : value === 0));
}

function withoutTail(values: readonly unknown[], isNothing: (value: unknown) => boolean): unknown[] {
  return values.slice(0, values.findLastIndex((value) => !isNothing(value)) + 1);
}

/** @throws BrokerError CORRUPT; UNAVAILABLE if a newer version wrote it. */
export function decodeState(bytes: Uint8Array): State {
  const known = decoded.get(bytes);
  if (known) return known;
  const state = unpackVersioned('state of a shard', bytes, VERSIONS, readState);
  decoded.set(bytes, state);
  return state;
}

function readState(value: readonly unknown[]): State {
  const [
    version,
    incarnation,
    next,
    packed,
    held,
    flights,
    returned,
    consumers,
    nextConsumer,
    rotation,
    counts,
    ...rest
  ] = value as [
    number,
    string,
    number,
    unknown[],
    unknown[],
    number[][],
    number[][],
    Packed[],
    number,
    number,
    number[],
  ];
  const [recent, repeated, sources, wake, keepAlive, front, later] = rest as unknown as PackedRest;
  const references = packed.map(unpackReference);
  const [sent = 0, acknowledged = 0, deadLettered = 0, expired = 0, purged = 0, dropped = 0] = counts;
  return {
    incarnation,
    next,
    references,
    held: held.map(unpackReference),
    flights: flights.map(unpackFlight),
    returned: returned.map(unpackReturned),
    consumers: consumers.map(([number, id, connection, subscription, mode, prefetch, seen, patience]) => ({
      number,
      id,
      connection,
      subscription,
      ack: modes[mode] ?? 'client-individual',
      prefetch,
      seen,
      patience,
    })),
    nextConsumer,
    rotation,
    counts: { sent, acknowledged, deadLettered, expired, purged, dropped },
    recent,
    repeated,
    sources: sources.map(([source, floor, taken, anewAt, first]) => ({
      source,
      floor,
      taken,
      ...(anewAt ? { anewAt } : {}),
      ...(first ? { first } : {}),
    })),
    wake,
    keepAlive: keepAlive ? { upTo: keepAlive[0], born: keepAlive[1], seen: keepAlive[2] } : undefined,
    front: front ? { first: front[0], expires: front[1] } : undefined,
    ...readLater(later ?? [], version === 1 && hasFlaggedPage(references) ? [ANY_COPY] : []),
  };
}

function readLater(later: Partial<PackedLater>, unnamed: readonly string[]) {
  const [forwards = 0, outgoing = [], retry = [], apart = [], litter = [], ...rest] = later;
  const [copies = unnamed, left = [], rejected = [], forgot = 0, awaited = [], ...transactions] = rest;
  const [sentOn = 0, onward = [], retries = [], decisions = [], forgotDecision = 0, delayed = []] = transactions;
  const [at, tries, isUntaken = 0] = retry;
  return {
    nextForward: forwards + 1,
    outgoing: outgoing.map(([first, count, failures, number, isRefused]): Outgoing => {
      return { first, count, failures, number, ...(isRefused ? { isRefused: true } : {}) };
    }),
    forwardRetry: at === undefined || tries === undefined ? undefined : { at, tries, mayBeTaken: isUntaken === 0 },
    apart: apart.map(([first, count, key]) => ({ first, count, key })),
    litter: litter.map(([key, first]) => ({ key, first })),
    copies,
    left,
    rejected,
    forgotSource: forgot === 1,
    awaited: awaited.map((seconds) => seconds * 1000),
    nextOnward: sentOn + 1,
    onward: onward.map(([target, number, count, key, offset, born]): Onward => {
      return { target, number, count, key, offset, born };
    }),
    onwardRetries: retries.map(([target, at, tries, upTo]) => ({ target, at, tries, upTo })),
    decisions: decisions.map(([id, at, outcome, first, end]): Decision => {
      return { id, at, outcome: outcomes[outcome] ?? 'over', first, end };
    }),
    forgotDecision,
    delayed: delayed.map(unpackDelayed),
  };
}

type Packed = [number, string, string, string, number, number, number, number];
type PackedSource = [string, number, [number, number][], anewAt?: number, first?: number];
type PackedRest = [
  recent: string[],
  repeated: string[],
  sources: PackedSource[],
  wake: number,
  keepAlive?: [number, number, number] | null,
  front?: [number, number] | null,
  later?: Partial<PackedLater>,
];
type PackedLater = [
  forwards: number,
  outgoing: [number, number, number, number, isRefused?: number][],
  retry: [at?: number, tries?: number, isUntaken?: number],
  apart: [number, number, string][],
  litter: [string, number][],
  copies: string[],
  left: string[],
  rejected: string[],
  forgotSource: number,
  awaited: number[],
  sentOn: number,
  onward: [string, number, number, string, number, number][],
  onwardRetries: [string, number, number, number][],
  decisions: [string, number, number, number, number][],
  forgotDecision: number,
  delayed: number[][],
];

const TRANSIENT = 1;
const PUSHING = 2;
const REDELIVERED = 4;
const SUSPECT = 8;
const LOST = 16;
/** Older code does not read it, and takes such a delivery for one that may not have arrived. */
const ARRIVED = 32;
/** Older code takes it for one whose deadline was extended. */
const LEFT = 64;

/** Most flights are first deliveries without a deadline: trailing fields that have their usual value are left out. */
function packFlight(f: Flight): number[] {
  const kind = (f.transient ? TRANSIENT : 0) | (f.pushing ? PUSHING : 0) | (f.redelivered ? REDELIVERED : 0);
  const flags = kind | (f.arrived ? ARRIVED : 0) | (f.isLeft ? LEFT : 0);
  const isUsual = f.attempt === 1 && f.failures === 0 && flags === 0 && f.deadline === 0 && !f.unanswered;
  if (isUsual) return [f.first, f.count, f.consumer];
  const packed = [f.first, f.count, f.consumer, f.attempt, f.failures, flags, f.deadline];
  return [...packed, ...packUnanswered(f)];
}

function unpackFlight(packed: number[]): Flight {
  const [first = 0, count = 0, consumer = 0, attempt = 1, failures = 0, flags = 0, deadline = 0, ...last] = packed;
  return {
    first,
    count,
    consumer,
    attempt,
    failures,
    deadline,
    transient: (flags & TRANSIENT) !== 0,
    pushing: (flags & PUSHING) !== 0,
    redelivered: (flags & REDELIVERED) !== 0,
    ...((flags & ARRIVED) === 0 ? {} : { arrived: true }),
    ...((flags & LEFT) === 0 ? {} : { isLeft: true }),
    ...unpackUnanswered(last[0] ?? 0, last[1]),
  };
}

function packUnanswered({ unanswered }: Pick<Past, 'unanswered'>): number[] {
  return unanswered ? [unanswered.consumer, unanswered.order] : [];
}

function unpackUnanswered(consumer: number, order: number | undefined): { unanswered?: Unanswered } {
  return order === undefined ? {} : { unanswered: { consumer, order } };
}

function packReturned(r: Returned): number[] {
  const kind = (r.transient ? TRANSIENT : 0) | (r.redelivered ? REDELIVERED : 0);
  const flags = kind | (r.suspect ? SUSPECT : 0) | (r.lost ? LOST : 0);
  const packed = [r.first, r.count, r.attempt, r.failures, flags];
  return [...packed, ...packUnanswered(r)];
}

function unpackReturned(packed: number[]): Returned {
  const [first = 0, count = 0, attempt = 0, failures = 0, flags = 0, ...last] = packed;
  return {
    first,
    count,
    attempt,
    failures,
    transient: (flags & TRANSIENT) !== 0,
    redelivered: (flags & REDELIVERED) !== 0,
    suspect: (flags & SUSPECT) !== 0,
    lost: (flags & LOST) !== 0,
    ...unpackUnanswered(last[0] ?? 0, last[1]),
  };
}

function packDelayed(d: Delayed): number[] {
  const flags = (d.transient ? TRANSIENT : 0) | (d.redelivered ? REDELIVERED : 0);
  return [d.first, d.count, d.attempt, d.failures, flags, d.until, ...packUnanswered(d)];
}

function unpackDelayed(packed: number[]): Delayed {
  const [first = 0, count = 0, attempt = 0, failures = 0, flags = 0, until = 0, ...last] = packed;
  return {
    first,
    count,
    attempt,
    failures,
    until,
    transient: (flags & TRANSIENT) !== 0,
    redelivered: (flags & REDELIVERED) !== 0,
    ...unpackUnanswered(last[0] ?? 0, last[1]),
  };
}
