import type { AckMode } from '../model/message.ts';
import { pack, unpackVersioned } from './packing.ts';
import { packReference, unpackReference } from './reference.ts';
import type { Flight, Returned, State } from './state.ts';

const STATE_VERSION = 1;
const modes = ['auto', 'client', 'client-individual'] as const satisfies readonly AckMode[];

/** Decoding is the costly part of a turn's read; a store that keeps heads in memory hands out the same bytes again. */
const decoded = new WeakMap<Uint8Array, State>();

export function encodeState(state: State): Uint8Array {
  const c = state.counts;
  const bytes = pack([
    STATE_VERSION,
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
    state.sources.map((x) => [x.source, x.floor, x.taken]),
    state.wake,
    ...packExtension(state.extension),
  ]);
  decoded.set(bytes, state);
  return bytes;
}

/** @throws BrokerError CORRUPT; UNAVAILABLE if a newer version wrote it. */
export function decodeState(bytes: Uint8Array): State {
  const known = decoded.get(bytes);
  if (known) return known;
  const state = unpackVersioned('state of a shard', bytes, STATE_VERSION, readState);
  decoded.set(bytes, state);
  return state;
}

function readState(value: readonly unknown[]): State {
  const [, incarnation, next, references, held, flights, returned, consumers, nextConsumer, rotation, counts, ...rest] =
    value as [number, string, number, unknown[], unknown[], number[][], number[][], Packed[], number, number, number[]];
  const [recent, repeated, sources, wake, extension] = rest as unknown as [
    string[],
    string[],
    PackedSource[],
    number,
    [number, number, number]?,
  ];
  const [sent = 0, acknowledged = 0, deadLettered = 0, expired = 0, purged = 0, dropped = 0] = counts;
  return {
    incarnation,
    next,
    references: references.map(unpackReference),
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
    sources: sources.map(([source, floor, taken]) => ({ source, floor, taken })),
    wake,
    extension: extension && { upTo: extension[0], born: extension[1], seen: extension[2] },
  };
}

/** Most shards have none, and give it no room. */
function packExtension(extension: State['extension']): readonly (readonly number[])[] {
  return extension ? [[extension.upTo, extension.born, extension.seen]] : [];
}

type Packed = [number, string, string, string, number, number, number, number];
type PackedSource = [string, number, [number, number][]];

const TRANSIENT = 1;
const PUSHING = 2;
const REDELIVERED = 4;
const SUSPECT = 8;

/** Most flights are first deliveries without a deadline: trailing fields that have their usual value are left out. */
function packFlight(f: Flight): number[] {
  const flags = (f.transient ? TRANSIENT : 0) | (f.pushing ? PUSHING : 0) | (f.redelivered ? REDELIVERED : 0);
  if (f.attempt === 1 && f.failures === 0 && flags === 0 && f.deadline === 0) return [f.first, f.count, f.consumer];
  return [f.first, f.count, f.consumer, f.attempt, f.failures, flags, f.deadline];
}

function unpackFlight(packed: number[]): Flight {
  const [first = 0, count = 0, consumer = 0, attempt = 1, failures = 0, flags = 0, deadline = 0] = packed;
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
  };
}

function packReturned(r: Returned): number[] {
  const flags = (r.transient ? TRANSIENT : 0) | (r.redelivered ? REDELIVERED : 0) | (r.suspect ? SUSPECT : 0);
  return [r.first, r.count, r.attempt, r.failures, flags];
}

function unpackReturned(packed: number[]): Returned {
  const [first = 0, count = 0, attempt = 0, failures = 0, flags = 0] = packed;
  return {
    first,
    count,
    attempt,
    failures,
    transient: (flags & TRANSIENT) !== 0,
    redelivered: (flags & REDELIVERED) !== 0,
    suspect: (flags & SUSPECT) !== 0,
  };
}
