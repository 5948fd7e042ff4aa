import type { Entry } from '../codec/entry.ts';
import type { Context, Draft } from '../state/draft.ts';
import type { Source } from '../state/state.ts';

const RECENT = 16;
const REPEATED = 32;
const SOURCES = 8;
/** Of those whose transactions send here: one queue may get from many. */
const ONWARD_SOURCES = 64;
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

/** The beginning of an entry's id, which tells it from the others that are remembered. */
export function shortId({ id }: Pick<Entry, 'id'>): string {
  return id.slice(0, SHORT);
}

/**
 * Whether a transaction is to be decided, was aborted, or is not decided again: it was committed, or nobody can tell. Its
 * outcome is then what is known of it. What was decided long ago is told by the time at which it was asked for.
 */
export function admitTransaction(
  draft: Draft,
  entry: Entry & { kind: 'transact' },
  { limits }: Pick<Context, 'limits'>,
): 'new' | 'aborted' | 'known' {
  const id = shortId(entry);
  const decision = draft.decisions.find((one) => one.id === id);
  const isRepeated = draft.repeated.includes(id) || draft.repeated.includes(id + IN_TIME);
  if (entry.attempt > 1 && !isRepeated) rememberRepeated(draft, decision ? id + IN_TIME : id);
  if (decision) return decision.outcome === 'committed' ? 'known' : 'aborted';
  // Before that, a shard of this name may have been deleted that decided it.
  const knownSince = draft.forgotDecision || (draft.decisions[0]?.at ?? Number.POSITIVE_INFINITY);
  const mayBeForgotten = entry.attempt > 1 && entry.begun - limits.skewMs <= knownSince;
  return isRepeated || mayBeForgotten ? 'known' : 'new';
}

/** What transactions of a shard send on has a lane of its own, by the end of its name. */
const ONWARD = '|';

/** The name of what a shard gives up to others: dead letters, or what its transactions send on. */
export function sourceName(incarnation: string, destination: string, lane: 'dead letters' | 'onward'): string {
  return `${incarnation} ${destination} ${lane === 'onward' ? ONWARD : '>'}`;
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
  if (isTaken(source, number)) return 'repeat';
  draft.sources = [...draft.sources.filter((other) => other !== known), mark(source, number)];
  forgetSource(draft, sourceId);
  const { anewAt } = source;
  const mayBeForgotten = anewAt !== undefined && (attempt > 1 || born <= anewAt);
  return number < source.floor || number < (source.first ?? 0) || mayBeForgotten ? 'untold' : 'new';
}

/** Forgets the one of the same lane of which nothing came for longest, where there are too many. */
function forgetSource(draft: Draft, newest: string): void {
  const isOnward = newest.endsWith(ONWARD);
  const alike = draft.sources.filter(({ source }) => source.endsWith(ONWARD) === isOnward);
  if (alike.length <= (isOnward ? ONWARD_SOURCES : SOURCES)) return;
  draft.sources = draft.sources.filter((source) => source !== alike[0]);
  draft.forgotSource = true;
}

/** To one target, transactions send on in the order of their numbers: what lies below what came was taken before. */
function isTaken({ source, taken }: Source, number: number): boolean {
  const isOnward = source.endsWith(ONWARD);
  return taken.some(([first, end]) => (isOnward || number >= first) && number < end);
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
  // Numbers in between went to other targets.
  if (source.source.endsWith(ONWARD)) return { ...source, taken: [[number, number + 1]] };
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
