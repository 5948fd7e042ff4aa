import type { Limits } from '../../model/limits.ts';
import type { Context, Draft } from '../state/draft.ts';
import { type KeepAlive, roots, type State } from '../state/state.ts';

/** Bodies are kept alive by one invocation at a time: another one begins when nothing was heard for so long. */
const SILENCE_MS = 45_000;

/**
 * When bodies that are still needed are to be kept alive: halfway through the retention of the oldest, or when an
 * keep-alive that is under way has been silent for a while. In milliseconds since the epoch; 0 if never.
 */
export function keepAliveTime(
  state: Pick<State, 'held' | 'references' | 'onward' | 'keepAlive'>,
  { limits, bodiesExpire }: Pick<Context, 'limits' | 'bodiesExpire'>,
): number {
  const births = [...roots(state), ...state.onward].map(({ born }) => born);
  if (!bodiesExpire || births.length === 0) return 0;
  const due = Math.min(...births) * 1000 + limits.retentionMs / 2;
  return state.keepAlive ? Math.max(due, state.keepAlive.seen * 1000 + SILENCE_MS) : due;
}

/** Calls for a keep-alive if it is time for one: for the rest of one that was cut short, or for a new one. */
export function callForKeepAlive(draft: Draft, context: Context): KeepAlive | undefined {
  const { now, limits } = context;
  const seen = Math.floor(now / 1000);
  if (draft.keepAlive && isOver(draft.keepAlive, seen, limits)) draft.keepAlive = undefined;
  const time = keepAliveTime(draft, context);
  if (time === 0 || time > now) return undefined;
  draft.keepAlive = { ...(draft.keepAlive ?? { upTo: 0, born: seen }), seen };
  return draft.keepAlive;
}

/** What was kept alive first would be due again: where this is not done by then, it begins anew. */
function isOver({ born }: KeepAlive, now: number, { retentionMs }: Limits): boolean {
  return (now - born) * 1000 >= retentionMs / 2;
}

/** The later of two keep-alives; how far either has come, if they are one. */
export function further(a: KeepAlive | undefined, b: KeepAlive): KeepAlive {
  if (!a || a.born < b.born) return b;
  if (a.born > b.born) return a;
  return { upTo: Math.max(a.upTo, b.upTo), born: a.born, seen: Math.max(a.seen, b.seen) };
}

/**
 * Whether what was born at one time is to be kept alive at the other, both in seconds since the epoch: not what is young, or
 * was kept alive a little while ago.
 */
export function isDueToKeep(born: number, at: number, limits: Limits): boolean {
  return (at - born) * 1000 >= limits.retentionMs / 4;
}
