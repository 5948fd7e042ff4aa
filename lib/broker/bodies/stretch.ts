import { type Draft, type Lookup, locate } from '../../shard/state/draft.ts';
import { endOf } from '../../shard/state/ranges.ts';
import type { Reference } from '../../shard/state/reference.ts';

/** Messages in a row that lie in one batch; or, where `reference` names a page, all that the page leads to. */
export type Stretch = {
  readonly first: number;
  readonly count: number;
  readonly reference: Reference;
  /** True while they are with a consumer. */
  readonly inFlight: boolean;
  readonly redelivered: boolean;
};

/** All that is not consumed after the sequence `after`, in order. */
export function stretchesOf(draft: Draft, after: number): readonly Stretch[] {
  const again = [...draft.returned, ...draft.delayed].map((range) => ({ ...range, inFlight: false }));
  // What had its last delivery is here until a turn has dead-lettered it.
  const leaving = draft.outgoing.map((range) => ({ ...range, inFlight: false, redelivered: true }));
  const flying = draft.flights.map((flight) => ({ ...flight, inFlight: true }));
  const drawn = [...again, ...leaving, ...flying].filter((range) => endOf(range) > after + 1);
  const row = drawn.flatMap((range) => byBatch(draft, range));
  for (const reference of draft.references) row.push(fresh(reference, reference.first));
  return following(row, after).toSorted((a, b) => a.first - b.first);
}

export type Unfolded = {
  readonly row: readonly Stretch[];
  /** Keys of pages that are in the way and were not read. */
  readonly unread: readonly string[];
  /** False if a page was missing: what it listed is left out. */
  readonly isWhole: boolean;
};

function following(row: readonly Stretch[], after: number): readonly Stretch[] {
  return row.flatMap((stretch) => {
    const first = Math.max(stretch.first, after + 1);
    return first < endOf(stretch) ? { ...stretch, first, count: endOf(stretch) - first } : [];
  });
}

/** The row with pages replaced by what they list, as far as the first `count` messages. */
export function unfold(row: readonly Stretch[], count: number, lookup: Lookup): Unfolded {
  const unread: string[] = [];
  let isWhole = true;
  let left = count;
  const open = (stretch: Stretch): readonly Stretch[] => {
    const { first, reference } = stretch;
    const children = left > 0 && reference.level > 0 ? lookup.page(reference.key) : undefined;
    if (children) {
      return children.flatMap((child) =>
        endOf(child) > first ? open(fresh(child, Math.max(first, child.first))) : [],
      );
    }
    if (children === null) {
      isWhole = false;
      return [];
    }
    if (left > 0 && reference.level > 0) unread.push(reference.key);
    left -= stretch.count;
    return [stretch];
  };
  return { row: row.flatMap(open), unread, isWhole };
}

function fresh(reference: Reference, first: number): Stretch {
  return { first, count: endOf(reference) - first, reference, inFlight: false, redelivered: reference.flagged };
}

function byBatch(draft: Draft, { first, count, inFlight, redelivered }: Omit<Stretch, 'reference'>): Stretch[] {
  const stretches: Stretch[] = [];
  for (let at = first; at < first + count; at = endOf(stretches.at(-1) as Stretch)) {
    const reference = locate(draft.held, at);
    const end = Math.min(first + count, endOf(reference));
    stretches.push({ first: at, count: end - at, reference, inFlight, redelivered });
  }
  return stretches;
}
