import type { Entry } from '../../../lib/shard/codec/entry.ts';
import { endOf } from '../../../lib/shard/state/ranges.ts';
import type { Standing } from '../../property/shard-ledger.ts';
import type { Settling } from './settlements.ts';
import { must } from './violation.ts';

type Rejecting = Omit<Settling, 'wasPosted'> & {
  readonly isTakeover: boolean;
  /** By the clock that is furthest ahead. */
  readonly now: number;
  readonly hasDeadLetters: boolean;
};

type Reject = Extract<Entry, { readonly kind: 'acknowledge' | 'reject' }>;

/**
 * What is rejected for a while comes back no sooner; what is rejected for good is dead-lettered. Where a master died, the delivery may have been over before that.
 */
export function checkRejected(rejecting: Rejecting): void {
  const { shard, before, after, absorbed, now, isTakeover, hasDeadLetters } = rejecting;
  for (const [sequence, { until }] of before) {
    const left = after.get(sequence);
    if (until <= now || !left) continue;
    must(left.until === until, 'what is rejected for a while waits', shard, sequence, left);
  }
  if (isTakeover) return;
  const [one, ...others] = absorbed.filter(isSettling);
  // What other entries did to it is not told apart here.
  if (one?.kind !== 'reject' || one.requeue === undefined || others.length > 0) return;
  if (one.requeue !== 'never') checkDelayed(rejecting, one, one.requeue);
  else if (hasDeadLetters) checkRefused(rejecting, one);
}

function checkDelayed(rejecting: Rejecting, entry: Reject, until: number): void {
  const { shard, now, hasDeadLetters } = rejecting;
  // By a clock that is ahead, it is over.
  if (until <= now) return;
  for (const [sequence, left] of namedIn(rejecting, entry)) {
    // It may have been the last delivery.
    const isLeaving = hasDeadLetters && (left?.outgoing ?? 0) > 0;
    must(isLeaving || left?.until === until, 'what is rejected for a while waits', shard, sequence, left);
  }
}

function checkRefused(rejecting: Rejecting, entry: Reject): void {
  for (const [sequence, left] of namedIn(rejecting, entry)) {
    const isLeaving = left === undefined || left.outgoing > 0;
    must(isLeaving, 'what is rejected for good is dead-lettered', rejecting.shard, sequence, left);
  }
}

/** What became of the deliveries that it names, as far as they were with their consumers. */
function namedIn({ was, after }: Rejecting, { deliveries, incarnation }: Reject): [number, Standing | undefined][] {
  if (incarnation !== was.incarnation) return [];
  return was.flights.flatMap((flight) =>
    Array.from({ length: flight.count }, (_, i) => flight.first + i)
      .filter((s) => deliveries.some((d) => d.attempt === flight.attempt && s >= d.first && s < endOf(d)))
      .map((sequence): [number, Standing | undefined] => [sequence, after.get(sequence)]),
  );
}

function isSettling({ kind }: Entry): boolean {
  return !['send', 'forward', 'join', 'receive', 'kept-alive'].includes(kind);
}
