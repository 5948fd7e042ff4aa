import { dropReady } from '../state/discard.ts';
import type { Context, Draft } from '../state/draft.ts';
import type { Consumer } from '../state/state.ts';

/**
 * A topic's audience counts as one consumer, which acknowledges at once and has room for any message: that its members
 * are many concerns the push alone, and its joining and leaving nobody. It is no part of the state.
 */
export const audience: Consumer = {
  number: 0,
  id: '',
  connection: 'audience',
  subscription: '',
  ack: 'auto',
  prefetch: 0,
  seen: 0,
  patience: 0,
};

/** Messages that nobody is there to get are done, unread. */
export function discharge(draft: Draft, context: Context): void {
  draft.counts.acknowledged += dropReady(draft, context);
}

/**
 * How many octets of bodies go out in one turn. Each member gets them all, so that a large audience gets fewer at a
 * time, but for a whole post, which costs as much as one that is half empty.
 */
export function turnBytes({ audience: members = 0, limits }: Context): number {
  return members > 1
    ? Math.min(limits.turnBytes, Math.max(limits.postBytes, limits.turnBytes / members))
    : limits.turnBytes;
}
