import { absorb } from './absorb.ts';
import { type Context, type Draft, draftOf, readyCount, total } from './draft.ts';
import type { Entry } from './entry.ts';
import { hasCredit } from './servers.ts';
import type { State } from './state.ts';

/** What a shard shows to somebody who is not its master: its state with the inbox as if absorbed. */
export type View = {
  readonly ready: number;
  readonly inFlight: number;
  /** Consumers that are subscribed, and consumers as a turn would find them. */
  readonly consumers: number;
  readonly draft: Draft;
  /** True if a turn would deliver something, dead-letter something or end a delivery. */
  readonly hasWork: boolean;
};

const nothingRead = { page: () => undefined, batch: () => undefined };

type Viewing = Pick<Context, 'now' | 'epoch' | 'limits' | 'deadLetters' | 'audience'>;

export function viewOf(state: State, inbox: readonly Entry[], viewing: Viewing): View {
  const { now } = viewing;
  const draft = draftOf(state);
  absorb(draft, inbox, nothingRead, { ...viewing, takeover: false, pageKey: '' });
  const ready = readyCount(draft);
  const front = draft.references[0];
  const expired = front !== undefined && front.expires > 0 && front.expires <= now;
  return {
    ready,
    inFlight: total(draft.flights),
    consumers: draft.consumers.filter((consumer) => consumer.connection !== '').length,
    draft,
    hasWork: (ready > draft.early && hasCredit(draft, viewing)) || draft.dying.length > 0 || expired,
  };
}
