import { type Context, type Draft, readyCount } from './draft.ts';
import { bySequence, endOf, meets, type Range } from './ranges.ts';
import type { Reference } from './reference.ts';

/** Stands for copies that are not known by their keys. */
export const ANY_COPY = '*';
const COPIES = 32;

/** Takes all ready messages out, unread. @returns how many there were */
export function dropReady(draft: Draft, { bodiesExpire }: Pick<Context, 'bodiesExpire'>): number {
  const count = readyCount(draft);
  const over = draft.references;
  draft.references = [];
  draft.returned = [];
  for (const { level, key, first } of over) if (level > 0 && !bodiesExpire) draft.litter.push({ key, first });
  discard(
    draft,
    over.filter(({ level }) => level === 0),
  );
  return count;
}

/** Lets go of the bodies that no message needs which is in flight, returned, delayed, outgoing or fresh. */
export function releaseHeld(draft: Draft): void {
  const needs = needsOf(draft);
  const over: Reference[] = [];
  draft.held = draft.held.filter((reference) => {
    if (needs(reference)) return true;
    over.push(reference);
    return false;
  });
  discard(draft, over, needs);
}

/** Whether some message of a range is not done yet. */
function needsOf({ flights, returned, delayed, outgoing, references }: Draft): (range: Range) => boolean {
  const drawn = [...flights, ...returned, ...delayed, ...outgoing].sort(bySequence);
  return (range) => meets(drawn, range) || meets(references, range);
}

/** A batch goes with the last message that needs it, wherever the others of it lie. */
export function discard(draft: Draft, over: readonly Reference[], needs = needsOf(draft)): void {
  if (over.length === 0) return;
  const named = new Set([...draft.references, ...draft.held].map(({ key }) => key));
  const freed = new Set<string>();
  for (const reference of over) {
    const { key, shared } = reference;
    if (!shared && !named.has(key) && !needs(batchOf(reference)) && !hasCopy(draft, key)) freed.add(key);
  }
  draft.spent.push(...freed);
  draft.copies = draft.copies.filter(
    (key) => !freed.has(key) && (key !== ANY_COPY || hasFlaggedPage(draft.references)),
  );
}

/** The sequences of all messages of a reference's batch. */
function batchOf({ first, count, before = 0, after = 0 }: Reference): Range {
  return { first: first - before, count: before + count + after };
}

/** Remembers that a batch may be named twice: by this reference, and by one of which nobody knows any more. */
export function rememberCopy(draft: Draft, key: string): void {
  // Its first copy may have gone by the same inbox.
  draft.spent = draft.spent.filter((spent) => spent !== key);
  if (draft.copies.includes(key)) return;
  draft.copies.push(key);
  if (draft.copies.length > COPIES) draft.copies = [ANY_COPY];
}

/** Whether a page may name the batch a second time: then its second copy frees it. */
function hasCopy(draft: Draft, key: string): boolean {
  return mayHaveCopy(draft, key) && hasFlaggedPage(draft.references);
}

/** Whether the messages of a batch may be there twice, or may have been. */
export function mayHaveCopy({ copies }: Pick<Draft, 'copies'>, key: string): boolean {
  return copies.includes(key) || copies.includes(ANY_COPY);
}

/** Whether a page lists what may be a second copy. */
export function hasFlaggedPage(references: readonly Reference[]): boolean {
  return references.some(({ level, flagged }) => level > 0 && flagged);
}

/** Whether a page's child was used up before the page became litter, or is held still. */
export function isSpent(child: Range, { first }: { readonly first: number }): boolean {
  return endOf(child) <= first || child.first < first;
}
