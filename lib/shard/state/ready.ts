import { type Draft, type Lookup, locate } from './draft.ts';
import { haveOnePast, type Past } from './past.ts';
import { endOf, type Range } from './ranges.ts';
import type { Reference } from './reference.ts';
import type { Returned } from './state.ts';

/** Ready messages of one batch and one past; or those that a missing page listed, whose `reference` is the page's. */
export type Span = Range &
  Past & {
    readonly reference: Reference;
    /** As of `Returned`. */
    readonly lost: boolean;
  };

/** A page that must be read to go on. */
type Unread = { readonly page: string; readonly expires: number };

/** Ready messages in the order in which they go out, as far as their pages were read. */
export function* readySpans(draft: Pick<Draft, 'returned' | 'references' | 'held'>, lookup: Lookup) {
  for (const range of draft.returned) yield* returnedSpans(draft, range);
  for (const reference of draft.references) {
    const unread = yield* freshSpans(reference, reference.first, lookup);
    if (unread) return;
  }
}

function* returnedSpans({ held }: Pick<Draft, 'held'>, range: Returned): Generator<Span> {
  for (let first = range.first; first < endOf(range); ) {
    const reference = locate(held, first);
    const count = Math.min(endOf(range), endOf(reference)) - first;
    yield { ...range, first, count, reference };
    first += count;
  }
}

/** Returns true where it met a page that was not read. */
function* freshSpans(reference: Reference, from: number, lookup: Lookup): Generator<Span | Unread, boolean> {
  if (reference.level === 0) {
    const first = Math.max(from, reference.first);
    const { transient, flagged } = reference;
    const count = endOf(reference) - first;
    yield { first, count, reference, attempt: 0, failures: 0, transient, redelivered: flagged, lost: false };
    return false;
  }
  const children = lookup.page(reference.key);
  if (children === undefined) {
    yield { page: reference.key, expires: reference.expires };
    return true;
  }
  if (children === null) {
    const first = Math.max(from, reference.first);
    const past = { attempt: 0, failures: 0, transient: false, redelivered: false, lost: false };
    yield { first, count: endOf(reference) - first, reference, ...past };
    return false;
  }
  for (const child of children) {
    if (endOf(child) <= from) continue;
    const unread = yield* freshSpans(child, from, lookup);
    if (unread) return true;
  }
  return false;
}

/** Puts messages back among the ready ones, in the order of their sequence. */
export function putBack(draft: Draft, range: Returned): void {
  let at = draft.returned.length;
  while (at > 0 && (draft.returned[at - 1] as Returned).first > range.first) at--;
  const before = draft.returned[at - 1];
  if (before && endOf(before) === range.first && samePast(before, range)) {
    draft.returned[at - 1] = { ...before, count: before.count + range.count };
  } else {
    draft.returned.splice(at, 0, range);
  }
}

function samePast(a: Returned, b: Returned): boolean {
  return a.suspect === b.suspect && a.lost === b.lost && haveOnePast(a, b);
}
