import { type Context, type Draft, total } from './draft.ts';
import { haveOnePast, pastOf } from './past.ts';
import { endOf } from './ranges.ts';
import { putBack } from './ready.ts';
import type { Delayed } from './state.ts';

/**
 * Keeps messages from being ready until their time has come. They count among what may be in flight: where there is no
 * room for them, they are ready at once.
 */
export function delay(draft: Draft, delayed: Delayed, { limits }: Pick<Context, 'limits'>): void {
  if (total(draft.flights) + total(draft.delayed) + delayed.count > limits.inFlightPerShard) {
    bringBack(draft, delayed);
    return;
  }
  let at = draft.delayed.length;
  while (at > 0 && (draft.delayed[at - 1] as Delayed).until > delayed.until) at--;
  const before = draft.delayed[at - 1];
  if (before && endOf(before) === delayed.first && before.until === delayed.until && haveOnePast(before, delayed)) {
    draft.delayed[at - 1] = { ...before, count: before.count + delayed.count };
  } else {
    draft.delayed.splice(at, 0, delayed);
  }
}

/** Makes messages ready again whose time has come. @returns how many */
export function passDelays(draft: Draft, context: Context): number {
  const time = latestTime(context);
  const due = draft.delayed.filter(({ until }) => until <= time);
  if (due.length === 0) return 0;
  draft.delayed = draft.delayed.filter(({ until }) => until > time);
  for (const delayed of due) bringBack(draft, delayed);
  return total(due);
}

/**
 * By which delays are over. A dead master's clock may have been ahead: what was due for it is ready, so that it is
 * suspected, and an acknowledgement of what it pushed holds.
 */
export function latestTime({ now, takeover, limits }: Context): number {
  return takeover ? now + limits.skewMs : now;
}

/** A dead master may have pushed them again as the next attempt. */
function bringBack(draft: Draft, delayed: Delayed): void {
  const { first, count, transient, attempt } = delayed;
  const suspect = draft.isAbsorbedAgain && !transient;
  putBack(draft, { ...pastOf(delayed), first, count, attempt: attempt + (suspect ? 1 : 0), suspect, lost: false });
}
