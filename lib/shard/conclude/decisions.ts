import type { Context, Draft } from '../state/draft.ts';
import type { Decision } from '../state/state.ts';

/** For so long whoever lost a reply may ask what became of a transaction; unless too many were decided since. */
const DECISION_MS = 10 * 60_000;

/** Forgets what became of old transactions. As many are remembered as an inbox may hold. */
export function forgetDecisions(draft: Draft, { now, limits }: Pick<Context, 'now' | 'limits'>): void {
  const isOld = ({ at }: Decision) => at <= now - DECISION_MS;
  const beyond = draft.decisions.length - limits.inboxEntries;
  const forgotten = draft.decisions.filter((decision, i) => i < beyond || isOld(decision));
  if (forgotten.length === 0) return;
  draft.decisions = draft.decisions.filter((decision) => !forgotten.includes(decision));
  draft.forgotDecision = Math.max(draft.forgotDecision, ...forgotten.map(({ at }) => at));
}
