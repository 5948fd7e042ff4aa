import type { DeliveryRange, Entry, Request } from '../../../lib/shard/codec/entry.ts';
import { endOf, type Range } from '../../../lib/shard/state/ranges.ts';
import type { Flight, State } from '../../../lib/shard/state/state.ts';
import type { Standing } from '../../property/shard-ledger.ts';
import { must } from './violation.ts';

/** One commit, as far as it says how deliveries ended. */
export type Settling = {
  readonly shard: string;
  readonly was: State;
  readonly state: State;
  readonly before: ReadonlyMap<number, Standing>;
  readonly after: ReadonlyMap<number, Standing>;
  readonly absorbed: readonly Entry[];
  /** Whether this delivery was posted: a master may have died before it committed that. */
  readonly wasPosted: (sequence: number, attempt: number) => boolean;
};

/**
 * What was acknowledged while it was in flight is done, whatever became of its consumer, its connection or its master
 * before a turn came to that.
 */
export function checkAcknowledged(settling: Settling): void {
  const { shard, after, absorbed } = settling;
  for (const [at, entry] of absorbed.entries()) {
    const earlier = absorbed.slice(0, at);
    for (const delivery of acknowledgedIn(entry, settling)) {
      for (let sequence = delivery.first; sequence < endOf(delivery); sequence++) {
        if (!isOpen(settling, sequence, delivery.attempt)) continue;
        // A consumer that left says nothing of all that it had.
        const hasLeft = entry.kind !== 'acknowledge' && earlier.some(({ kind }) => kind === 'leave');
        if (hasLeft || earlier.some((other) => mayEnd(other, sequence))) continue;
        must(!after.has(sequence), 'an acknowledgement ends its delivery', shard, sequence, entry);
      }
    }
  }
}

/** What a transaction acknowledged that is committed is done, whoever had it. */
export function checkTransactions({ shard, state, after, absorbed }: Omit<Settling, 'wasPosted'>): void {
  for (const entry of absorbed) {
    if (entry.kind !== 'transact' || !isCommitted(entry, state)) continue;
    for (const settle of entry.settles) {
      if (settle.kind !== 'acknowledge') continue;
      for (const { first, count } of settle.deliveries) {
        for (let sequence = first; sequence < first + count; sequence++) {
          must(!after.has(sequence), 'a transaction ends what it acknowledges', shard, sequence, entry);
        }
      }
    }
  }
}

/** Those of a transaction count once it is committed. */
function acknowledgedIn(entry: Entry, { was, state }: Settling): readonly DeliveryRange[] {
  if (entry.kind !== 'transact') return acknowledgedBy(entry, was);
  return isCommitted(entry, state) ? entry.settles.flatMap((settle) => acknowledgedBy(settle, was)) : [];
}

/** What became of a transaction, by the commit that absorbed it. */
export function isCommitted({ id }: Pick<Entry, 'id'>, { decisions }: State): boolean {
  return decisions.some((decision) => id.startsWith(decision.id) && decision.outcome === 'committed');
}

function acknowledgedBy(entry: Request, was: State): readonly DeliveryRange[] {
  if (entry.kind === 'acknowledge-message') return inFlightNamed(entry, was);
  if (!('incarnation' in entry) || entry.incarnation !== was.incarnation) return [];
  if (entry.kind === 'acknowledge') return entry.deliveries;
  if (entry.kind !== 'acknowledge-up-to') return [];
  return [{ first: entry.sequence, count: 1, attempt: entry.deliveryAttempt }];
}

type ByMessage = Request & { readonly kind: 'acknowledge-message' | 'reject-message' };

/** A message id names no delivery: the one that its consumer has. */
function inFlightNamed(entry: ByMessage, was: State): readonly DeliveryRange[] {
  const { consumer: id, key, index } = entry;
  const batch = was.held.find((r) => r.key === key && index >= r.offset && index < r.offset + r.count);
  const consumer = was.consumers.find((candidate) => candidate.id === id);
  if (!batch || !consumer) return [];
  const sequence = batch.first + index - batch.offset;
  const flight = flightOf(was, sequence);
  return flight?.consumer === consumer.number ? [{ first: sequence, count: 1, attempt: flight.attempt }] : [];
}

/** In flight by the last commit, or posted since. */
function isOpen({ was, before, wasPosted }: Settling, sequence: number, attempt: number): boolean {
  if (was.flights.some((flight) => flight.attempt === attempt && covers(flight, sequence))) return true;
  const { attempt: last, consumer, outgoing } = before.get(sequence) ?? { attempt: 0, consumer: 0, outgoing: 0 };
  const isReady = consumer === 0 && outgoing === 0 && (before.has(sequence) || sequence >= was.next);
  return isReady && attempt === last + 1 && wasPosted(sequence, attempt);
}

/** Whether an entry before it ended the delivery otherwise. */
function mayEnd(entry: Entry, sequence: number): boolean {
  switch (entry.kind) {
    case 'reject':
      return entry.deliveries.some((delivery) => covers(delivery, sequence));
    case 'reject-up-to':
    case 'reject-message':
      return true;
    case 'leave':
      return entry.reason !== 'lost';
    // What an aborted one names goes back.
    case 'transact':
      return entry.settles.some(
        (settle) => 'deliveries' in settle && settle.deliveries.some((d) => covers(d, sequence)),
      );
    default:
      return false;
  }
}

/**
 * A consumer takes messages ahead: where its connection is lost, that counts as a failure of one of them. What was
 * rejected or had a deadline counts for itself.
 */
export function checkFailures(settling: Omit<Settling, 'wasPosted'>): void {
  const { shard, was, state, before, after, absorbed } = settling;
  if (absorbed.some(({ kind }) => kind === 'reject-up-to' || kind === 'reject-message')) return;
  const known = new Set(state.consumers.map(({ id }) => id));
  const here = [...was.consumers, ...absorbed.filter((entry) => entry.kind === 'join')];
  const gone = here.filter(({ id, connection }) => connection !== '' && !known.has(id)).length;
  const isRejected = (sequence: number) => absorbed.some((entry) => isRejecting(entry) && mayEnd(entry, sequence));
  const hadDeadline = (sequence: number) => flightOf(was, sequence)?.deadline ?? 0;
  let failures = 0;
  for (const [sequence, standing] of after) {
    const more = standing.failures - (before.get(sequence)?.failures ?? 0);
    if (more > 0 && !isRejected(sequence) && hadDeadline(sequence) === 0) failures += more;
  }
  must(failures <= gone, 'a lost connection counts as one failure', shard, failures, gone);
}

function isRejecting({ kind }: Entry): boolean {
  return kind === 'reject' || kind === 'transact';
}

/**
 * Who hangs up gives back what his pull got: that is no failure, and where he cannot have had it, it goes to the next as
 * if it had never been given. What reached its deadline, or a takeover, says more of it.
 * @param now by the clock that is furthest ahead
 */
export function checkGivenBack(
  settling: Omit<Settling, 'wasPosted'> & { readonly isTakeover: boolean; readonly now: number },
): void {
  const { shard, was, before, after, absorbed, isTakeover, now } = settling;
  for (const [at, entry] of absorbed.entries()) {
    if (entry.kind !== 'leave' || entry.reason === 'lost') continue;
    const consumer = was.consumers.find(({ id, connection }) => id === entry.consumer && connection === '');
    const flights = was.flights.filter((flight) => flight.consumer === consumer?.number && flight.deadline > now);
    for (const { first, count } of flights) {
      for (let sequence = first; sequence < first + count; sequence++) {
        const [given, left] = [before.get(sequence), after.get(sequence)];
        if (!given || !left || absorbed.slice(0, at).some((other) => mayEnd(other, sequence))) continue;
        must(left.failures === given.failures, 'what is given back is no failure', shard, sequence, given, left);
        if (entry.reason !== 'unanswered' || isTakeover) continue;
        const isSame = left.redelivered === given.redelivered;
        must(isSame, 'what was given back and not sent is not flagged', shard, sequence, given, left);
      }
    }
  }
}

function flightOf({ flights }: State, sequence: number): Flight | undefined {
  return flights.find((flight) => covers(flight, sequence));
}

function covers(range: Range, sequence: number): boolean {
  return sequence >= range.first && sequence < endOf(range);
}
