import { type Context, type Draft, total } from './draft.ts';
import { haveOnePast, pastOf } from './past.ts';
import { endOf } from './ranges.ts';
import { putBack } from './ready.ts';
import type { Delayed } from './state.ts';

/** Of all that may be in flight, this share may be delayed at most: nobody stops a shard by rejections alone. */
const SHARE = 2;

/**
 * Keeps messages from being ready until their time has come. Where more are delayed than may be, the soonest are ready
 * at once.
 */
export function delay(draft: Draft, delayed: Delayed, { limits }: Pick<Context, 'limits'>): void {
  let at = draft.delayed.length;
  while (at > 0 && (draft.delayed[at - 1] as Delayed).until > delayed.until) at--;
  const before = draft.delayed[at - 1];
  if (before && endOf(before) === delayed.first && before.until === delayed.until && haveOnePast(before, delayed)) {
    draft.delayed[at - 1] = { ...before, count: before.count + delayed.count };
  } else {
    draft.delayed.splice(at, 0, delayed);
  }
  let beyond = total(draft.delayed) - Math.floor(limits.inFlightPerShard / SHARE);
  while (beyond > 0) {
    const [soonest, ...others] = draft.delayed as [Delayed, ...Delayed[]];
    const count = Math.min(beyond, soonest.count);
    const rest = { ...soonest, first: soonest.first + count, count: soonest.count - count };
    draft.delayed = rest.count > 0 ? [rest, ...others] : others;
    bringBack(draft, { ...soonest, count });
    beyond -= count;
  }
}

/** Makes messages ready again whose time has come. @returns how many */
export function passDelays(draft: Draft, { now }: Pick<Context, 'now'>): number {
  const due = draft.delayed.filter(({ until }) => until <= now);
  if (due.length === 0) return 0;
  draft.delayed = draft.delayed.filter(({ until }) => until > now);
  for (const delayed of due) bringBack(draft, delayed);
  return total(due);
}

/** A dead master may have pushed them again as the next attempt. */
function bringBack(draft: Draft, delayed: Delayed): void {
  const { first, count, transient, attempt } = delayed;
  const suspect = draft.isAbsorbedAgain && !transient;
  putBack(draft, { ...pastOf(delayed), first, count, attempt: attempt + (suspect ? 1 : 0), suspect, lost: false });
}
