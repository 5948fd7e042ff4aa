import type { Draft, Lookup } from './draft.ts';
import { endOf, merged, type Range, without } from './ranges.ts';
import type { Reference } from './reference.ts';

/** Takes these ready messages out of the ready ones; the pages in which they lie must have been read. */
export function drawReady(draft: Draft, lookup: Lookup, ranges: readonly Range[]): void {
  if (ranges.length === 0) return;
  const cuts = merged(ranges);
  draft.returned = draft.returned.flatMap((range) => without(range, cuts).map((rest) => ({ ...range, ...rest })));
  const left: Reference[] = [];
  for (const [at, reference] of draft.references.entries()) {
    const isBeyond = reference.first >= endOf(cuts.at(-1) as Range);
    if (isBeyond) {
      left.push(...draft.references.slice(at));
      break;
    }
    left.push(...drawFrom(draft, lookup, reference, cuts));
  }
  draft.references = left;
}

/** @returns what is left of the reference */
function drawFrom(draft: Draft, lookup: Lookup, reference: Reference, cuts: readonly Range[]): Reference[] {
  const rest = without(reference, cuts);
  const [first] = rest;
  if (first && rest.length === 1 && first.count === reference.count) return [reference];
  if (reference.level === 0) {
    hold(draft, reference);
    return rest.map((part) => partOf(reference, part));
  }
  const children = lookup.page(reference.key);
  // A page that is missing: what it listed is out of the way, and must not stop the rest.
  if (!children) return rest.map((part) => partOf(reference, part));
  const isFromFront = rest.length === 0 || (rest.length === 1 && first && endOf(first) === endOf(reference));
  if (isFromFront && reference.level === 1) {
    for (const child of children) if (wasMet(child, reference, rest)) hold(draft, child);
    if (rest.length === 0) draft.spent.push(reference.key);
    return rest.map((part) => partOf(reference, part));
  }
  draft.spent.push(reference.key);
  return unfolded(reference, children).flatMap((child) => drawFrom(draft, lookup, child, cuts));
}

/** Whether something of a child is drawn that was not drawn before. */
function wasMet(child: Reference, page: Reference, rest: readonly Range[]): boolean {
  const end = rest[0]?.first ?? endOf(page);
  return endOf(child) > page.first && child.first < end;
}

/** What a page lists, without what was drawn of it. */
function unfolded(page: Range, children: readonly Reference[]): Reference[] {
  return children.flatMap((child) => {
    if (endOf(child) <= page.first) return [];
    const first = Math.max(child.first, page.first);
    return [first === child.first ? child : partOf(child, { first, count: endOf(child) - first })];
  });
}

/** The whole of it stays held until the last of its parts is done: only what other references name has to be counted. */
function partOf(reference: Reference, { first, count }: Range): Reference {
  const skipped = first - reference.first;
  const left = endOf(reference) - first - count;
  const { before, after } = reference;
  return {
    ...reference,
    first,
    count,
    offset: reference.level === 0 ? reference.offset + skipped : 0,
    ...(before === undefined ? {} : { before: before + skipped }),
    ...(after === undefined ? {} : { after: after + left }),
  };
}

/** Keeps a reference for as long as somebody needs its bodies. One that is held covers every part of itself. */
function hold(draft: Draft, reference: Reference): void {
  let at = draft.held.length;
  while (at > 0 && (draft.held[at - 1] as Reference).first > reference.first) at--;
  const before = draft.held[at - 1];
  if (before && endOf(before) > reference.first) return;
  draft.held.splice(at, 0, reference);
}
