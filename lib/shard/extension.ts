import type { Limits } from '../model/limits.ts';
import type { Context, Draft } from './draft.ts';
import type { Extension, State } from './state.ts';

/** Bodies are extended by one invocation at a time: another one begins when nothing was heard for so long. */
const SILENCE_MS = 45_000;

/**
 * When bodies that are still needed are to be extended: halfway through the retention of the oldest, or when an
 * extension that is under way has been silent for a while. In milliseconds since the epoch; 0 if never.
 */
export function extensionTime(state: Pick<State, 'held' | 'references' | 'extension'>, limits: Limits): number {
  const births = [...state.held, ...state.references].map((reference) => reference.born);
  if (births.length === 0) return 0;
  const due = Math.min(...births) * 1000 + limits.retentionMs / 2;
  return state.extension ? Math.max(due, state.extension.seen * 1000 + SILENCE_MS) : due;
}

/** Calls for an extension if it is time for one: for the rest of one that was cut short, or for a new one. */
export function callForExtension(draft: Draft, { now, limits }: Context): Extension | undefined {
  const seen = Math.floor(now / 1000);
  if (draft.extension && isOver(draft.extension, seen, limits)) draft.extension = undefined;
  const time = extensionTime(draft, limits);
  if (time === 0 || time > now) return undefined;
  draft.extension = { ...(draft.extension ?? { upTo: 0, born: seen }), seen };
  return draft.extension;
}

/** What was extended first would be due again: where this is not done by then, it begins anew. */
function isOver({ born }: Extension, now: number, { retentionMs }: Limits): boolean {
  return (now - born) * 1000 >= retentionMs / 2;
}

/** The later of two extensions; how far either has come, if they are one. */
export function further(a: Extension | undefined, b: Extension): Extension {
  if (!a || a.born < b.born) return b;
  if (a.born > b.born) return a;
  return { upTo: Math.max(a.upTo, b.upTo), born: a.born, seen: Math.max(a.seen, b.seen) };
}

/**
 * Whether what was born at one time is extended at the other, both in seconds since the epoch: not what is young, or
 * was extended a little while ago.
 */
export function isExtended(born: number, at: number, limits: Limits): boolean {
  return (at - born) * 1000 >= limits.retentionMs / 4;
}
