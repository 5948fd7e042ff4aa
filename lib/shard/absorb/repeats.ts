import type { Entry } from '../codec/entry.ts';
import type { Draft } from '../state/draft.ts';
import type { Source } from '../state/state.ts';

const RECENT = 16;
const REPEATED = 32;
const SOURCES = 8;
const LEFT = 32;
const REJECTED = 16;
const RANGES_PER_SOURCE = 16;
/** Behind the id of an entry that was repeated while its first attempt was known. */
const IN_TIME = '+';
/** 48 bits of an id tell it from the few that are kept. */
const SHORT = 8;
/** In seconds since the epoch; before anything that is forwarded. */
const LONG_AGO = 1;

/**
 * Whether an entry is new, a repeat of one that was absorbed, or a repeat of which that can no longer be told.
 * What is new is remembered; ids that were repeated are kept for longer: they may be repeated again, and their first
 * attempt may yet arrive.
 */
export function admit(draft: Draft, entry: Entry): 'new' | 'repeat' | 'untold' {
  const id = entry.id.slice(0, SHORT);
  if (draft.repeated.includes(id) || draft.repeated.includes(id + IN_TIME)) return 'repeat';
  const isKnown = draft.recent.includes(id);
  if (entry.attempt > 1) rememberRepeated(draft, isKnown ? id + IN_TIME : id);
  else if (!isKnown) rememberRecent(draft, id);
  if (isKnown) return 'repeat';
  return entry.attempt > 1 ? 'untold' : 'new';
}

function rememberRecent(draft: Draft, id: string): void {
  draft.recent.push(id);
  if (draft.recent.length > RECENT) draft.recent.shift();
}

/** Of what was repeated in time nothing comes any more but repeats: it takes no room from those whose first may come. */
function rememberRepeated(draft: Draft, id: string): void {
  draft.repeated.push(id);
  const isLike = (other: string) => other.endsWith(IN_TIME) === id.endsWith(IN_TIME);
  if (draft.repeated.filter(isLike).length > REPEATED) draft.repeated.splice(draft.repeated.findIndex(isLike), 1);
}

/** Keeps a consumer that left from joining again by a late repeat. */
export function rememberLeft(draft: Draft, consumer: string): void {
  const id = consumer.slice(0, SHORT);
  if (draft.left.includes(id)) return;
  draft.left.push(id);
  if (draft.left.length > LEFT) draft.left.shift();
}

export function hasLeft(draft: Draft, consumer: string): boolean {
  return draft.left.includes(consumer.slice(0, SHORT));
}

/** Whether a rejection by message id is applied for the first time, as far as anybody knows. */
export function admitRejection(draft: Draft, entry: Entry): boolean {
  const id = entry.id.slice(0, SHORT);
  if (draft.rejected.includes(id)) return false;
  draft.rejected.push(id);
  if (draft.rejected.length > REJECTED) draft.rejected.shift();
  return true;
}

/**
 * Whether a message of another shard is new here, was taken before, or can no longer be told. Of a source that is not
 * known here nobody can say what it gave before: to a deleted shard of this name, or to this one, which forgot it. So
 * what it repeats cannot be told, nor, once a source was forgotten, its first one; nor what comes after it and bears a
 * lower number, which was held up on its way, since a shard forwards in the order of its numbers.
 */
export function admitForward(
  draft: Draft,
  { source: sourceId, attempt, born }: Pick<Entry & { kind: 'forward' }, 'source' | 'attempt' | 'born'>,
  number: number,
): 'new' | 'repeat' | 'untold' {
  const known = draft.sources.find((source) => source.source === sourceId);
  const source = known ?? sourceOf(draft, { source: sourceId, attempt, born }, number);
  if (source.taken.some(([first, end]) => number >= first && number < end)) return 'repeat';
  draft.sources = [...draft.sources.filter((other) => other !== known), mark(source, number)];
  if (draft.sources.length > SOURCES) {
    draft.sources.shift();
    draft.forgotSource = true;
  }
  const { anewAt } = source;
  const mayBeForgotten = anewAt !== undefined && (attempt > 1 || born <= anewAt);
  return number < source.floor || number < (source.first ?? 0) || mayBeForgotten ? 'untold' : 'new';
}

/** A source that is not known here. */
function sourceOf(
  { forgotSource }: Draft,
  { source, attempt, born }: Pick<Entry & { kind: 'forward' }, 'source' | 'attempt' | 'born'>,
  number: number,
): Source {
  const known = { source, floor: 0, taken: [], ...(number > 1 ? { first: number } : {}) };
  if (attempt > 1) return { ...known, anewAt: LONG_AGO };
  return forgotSource ? { ...known, anewAt: born } : known;
}

function mark(source: Source, number: number): Source {
  if (number < source.floor) return source;
  const merged: [number, number][] = [];
  for (const [first, end] of [...source.taken, [number, number + 1] as const].sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last && last[1] >= first) last[1] = Math.max(last[1], end);
    else merged.push([first, end]);
  }
  if (merged.length <= RANGES_PER_SOURCE) return { ...source, taken: merged };
  const [, floor] = merged[0] as [number, number];
  return { ...source, floor, taken: merged.slice(1) };
}
