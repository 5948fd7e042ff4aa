import { absorb } from './absorb/absorb.ts';
import type { Entry } from './codec/entry.ts';
import { nextAwaited, nextExpiry, nextWakeUp } from './conclude/wake-up.ts';
import { isDue } from './plan/expiry.ts';
import { hasMoreToForward } from './plan/forwards.ts';
import { hasMoreOnward } from './plan/onward.ts';
import { hasCredit } from './plan/servers.ts';
import { type Context, type Draft, draftOf, readyCount, total } from './state/draft.ts';
import type { State } from './state/state.ts';

/** What a shard shows to somebody who is not its master: its state with the inbox as if absorbed. */
export type View = {
  readonly ready: number;
  readonly inFlight: number;
  /** Rejected for a while. */
  readonly delayed: number;
  /** Consumers that are subscribed, and consumers as a turn would find them. */
  readonly consumers: number;
  readonly draft: Draft;
  /** True if a turn would deliver something, dead-letter something or end a delivery. */
  readonly hasWork: boolean;
  /** True if a turn would have somebody sleep for what a connected consumer waits for, and nobody does. */
  readonly isUnwatched: boolean;
  /** Whether the state relies on its wake-up of this minute, so that nobody may take it away. */
  readonly countsOn: (minute: number) => boolean;
};

const nobody: ReadonlySet<string> = new Set();
const noneRefused: ReadonlyMap<string, number> = new Map();
const nothingRead = { page: () => undefined, batch: () => undefined };

type Viewing = Pick<Context, 'now' | 'date' | 'epoch' | 'limits' | 'deadLetters' | 'audience' | 'bodiesExpire'>;

export function viewOf(state: State, inbox: readonly Entry[], viewing: Viewing): View {
  const draft = draftOf(state);
  const context: Context = { ...viewing, takeover: false, congested: nobody, refused: noneRefused, pageKey: '' };
  absorb(draft, inbox, nothingRead, context);
  const ready = readyCount(draft);
  return {
    ready,
    inFlight: total(draft.flights),
    delayed: total(draft.delayed),
    consumers: draft.consumers.filter((consumer) => consumer.connection !== '').length,
    draft,
    hasWork: (ready > draft.early && hasCredit(draft, viewing)) || hasDue(draft, viewing),
    isUnwatched: nextAwaited(draft, context) !== undefined,
    countsOn: (minute) => state.wake === minute && nextWakeUp(draft, context) !== undefined,
  };
}

/** Whether something calls for a turn by the time alone: a message to forward, or one in front that has expired. */
function hasDue(draft: Draft, context: Viewing): boolean {
  const expires = nextExpiry(draft);
  const hasMore = hasMoreToForward(draft, context) || hasMoreOnward(draft, context);
  return hasMore || isDue({ expires }, context.date) || draft.litter.length > 0;
}
