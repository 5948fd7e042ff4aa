import type { Draft } from '../state/draft.ts';
import { endOf } from '../state/ranges.ts';
import type { Apart } from '../state/state.ts';

/** How many ranges are told apart; beyond that, those that came first are counted as dropped. */
const RANGES = 64;

/** Keeps messages apart whose bodies are missing: an operator sees them, and a purge takes them away. */
export function setApart(draft: Draft, found: readonly Apart[]): void {
  for (const range of found) {
    const last = draft.apart.at(-1);
    if (last && endOf(last) === range.first && last.key === range.key) {
      draft.apart[draft.apart.length - 1] = { ...last, count: last.count + range.count };
    } else {
      draft.apart.push(range);
    }
  }
  while (draft.apart.length > RANGES) draft.counts.dropped += draft.apart.shift()?.count ?? 0;
}
