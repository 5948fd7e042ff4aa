import { cursorOf, type Draft, type Lookup, locate, readyCount } from './draft.ts';
import { endOf, type Reference } from './reference.ts';
import type { Returned } from './state.ts';

/** Ready messages of one batch and one past; or those that a missing page listed, whose `reference` is the page's. */
export type Span = {
  readonly first: number;
  readonly count: number;
  readonly reference: Reference;
  /** Deliveries so far. */
  readonly attempt: number;
  readonly failures: number;
  readonly transient: boolean;
  readonly redelivered: boolean;
};

/** A page that must be read to go on. */
type Unread = { readonly page: string; readonly expires: number };

/** Ready messages in the order in which they go out, as far as their pages were read. */
export function* readySpans(draft: Draft, lookup: Lookup): Generator<Span | Unread> {
  for (const range of draft.returned) yield* returnedSpans(draft, range);
  for (const reference of draft.references) {
    const unread = yield* freshSpans(reference, reference.first, lookup);
    if (unread) return;
  }
}

function* returnedSpans(draft: Draft, range: Returned): Generator<Span> {
  for (let first = range.first; first < endOf(range); ) {
    const reference = locate(draft.held, first);
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
    yield { first, count, reference, attempt: 0, failures: 0, transient, redelivered: flagged };
    return false;
  }
  const children = lookup.page(reference.key);
  if (children === undefined) {
    yield { page: reference.key, expires: reference.expires };
    return true;
  }
  if (children === null) {
    const first = Math.max(from, reference.first);
    const past = { attempt: 0, failures: 0, transient: false, redelivered: false };
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

/** Takes the first `count` ready messages out of the ready ones; the pages in their way must have been read. */
export function drawReady(draft: Draft, lookup: Lookup, count: number): void {
  let left = count;
  while (left > 0) {
    const range = draft.returned[0];
    if (!range) break;
    const drawn = Math.min(left, range.count);
    if (drawn === range.count) draft.returned.shift();
    else draft.returned[0] = { ...range, first: range.first + drawn, count: range.count - drawn };
    left -= drawn;
  }
  while (left > 0 && draft.references.length > 0) left -= drawFresh(draft, lookup, left);
}

/** Takes all ready messages out, unread. @returns how many there were */
export function dropReady(draft: Draft): number {
  const count = readyCount(draft);
  // What is partly drawn is needed by those who have the rest.
  const over = draft.references;
  draft.references = [];
  draft.returned = [];
  discard(draft, over);
  return count;
}

function drawFresh(draft: Draft, lookup: Lookup, count: number): number {
  const front = draft.references[0] as Reference;
  if (front.level === 0) {
    hold(draft, front);
    return advance(draft, front, count);
  }
  const children = lookup.page(front.key);
  // A page that is missing: what it listed is lost, and must not stop the rest.
  if (!children) return advance(draft, front, count);
  if (front.level > 1) {
    draft.references.splice(0, 1, ...children);
    draft.spent.push(front.key);
    return 0;
  }
  const child = children.find((reference) => endOf(reference) > front.first) as Reference;
  hold(draft, child);
  return advance(draft, front, Math.min(count, endOf(child) - front.first));
}

function advance(draft: Draft, front: Reference, count: number): number {
  const drawn = Math.min(count, front.count);
  if (drawn === front.count) {
    draft.references.shift();
    if (front.level > 0) draft.spent.push(front.key);
  } else {
    draft.references[0] = {
      ...front,
      first: front.first + drawn,
      count: front.count - drawn,
      offset: front.level === 0 ? front.offset + drawn : 0,
    };
  }
  return drawn;
}

function hold(draft: Draft, reference: Reference): void {
  const last = draft.held.at(-1);
  if (!last || endOf(last) < endOf(reference)) draft.held.push(reference);
}

/** Lets go of the bodies that no message in flight, returned or fresh needs. */
export function releaseHeld(draft: Draft): void {
  const live = [...draft.flights, ...draft.returned].sort((a, b) => a.first - b.first);
  const cursor = cursorOf(draft);
  const over: Reference[] = [];
  let at = 0;
  draft.held = draft.held.filter((reference) => {
    while (at < live.length && endOf(live[at] as Returned) <= reference.first) at++;
    const range = live[at];
    if ((range && range.first < endOf(reference)) || endOf(reference) > cursor) return true;
    over.push(reference);
    return false;
  });
  discard(draft, over);
}

/** A batch goes with the last that needs it. Where a page lists a second copy of something, nobody knows of what. */
function discard(draft: Draft, over: readonly Reference[]): void {
  if (over.length === 0) return;
  if (draft.references.some(({ level, flagged }) => level > 0 && flagged)) return;
  const needed = new Set([...draft.references, ...draft.held].map(({ key }) => key));
  for (const { key, shared } of over) if (!shared && !needed.has(key)) draft.spent.push(key);
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
  return (
    a.attempt === b.attempt &&
    a.failures === b.failures &&
    a.transient === b.transient &&
    a.redelivered === b.redelivered &&
    a.suspect === b.suspect
  );
}
