import type { Draft } from './draft.ts';
import type { Entry } from './entry.ts';
import type { Source } from './state.ts';

const RECENT = 16;
const REPEATED = 32;
const SOURCES = 8;
const RANGES_PER_SOURCE = 16;
/** 48 bits of an id tell it from the few that are kept. */
const SHORT = 8;

/**
 * Whether an entry is new, a repeat of one that was absorbed, or a repeat of which that can no longer be told.
 * What is new is remembered; ids that were repeated are kept for longer, since their first attempt may yet arrive.
 */
export function admit(draft: Draft, entry: Entry): 'new' | 'repeat' | 'untold' {
  const id = entry.id.slice(0, SHORT);
  if (draft.recent.includes(id) || draft.repeated.includes(id)) return 'repeat';
  if (entry.attempt === 1) {
    draft.recent.push(id);
    if (draft.recent.length > RECENT) draft.recent.shift();
    return 'new';
  }
  draft.repeated.push(id);
  if (draft.repeated.length > REPEATED) draft.repeated.shift();
  return 'untold';
}

/** Keeps a consumer that left from joining again by a late repeat. */
export function rememberLeft(draft: Draft, consumer: string): void {
  draft.repeated.push(consumer.slice(0, SHORT));
  if (draft.repeated.length > REPEATED) draft.repeated.shift();
}

/** Whether a message of another shard is new here, was taken before, or can no longer be told. */
export function admitForward(draft: Draft, sourceId: string, number: number): 'new' | 'repeat' | 'untold' {
  const known = draft.sources.find((source) => source.source === sourceId);
  const source: Source = known ?? { source: sourceId, floor: 0, taken: [] };
  if (source.taken.some(([first, end]) => number >= first && number < end)) return 'repeat';
  const marked = mark(source, number);
  draft.sources = [...draft.sources.filter((other) => other !== known), marked].slice(-SOURCES);
  return number < source.floor ? 'untold' : 'new';
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
