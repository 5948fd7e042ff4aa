import { discard, isSpent } from '../state/discard.ts';
import type { Draft, Lookup, Needs } from '../state/draft.ts';

/** How many pages one turn takes away. */
const PAGES_PER_TURN = 32;

/** Discards pages that nobody needs any more, the last first, with what they list: pages of pages come apart by this. */
export function sweepLitter(draft: Draft, lookup: Lookup): Needs | undefined {
  const swept = draft.litter.slice(-PAGES_PER_TURN);
  const unread = swept.map(({ key }) => key).filter((key) => lookup.page(key) === undefined);
  if (unread.length > 0) return { kind: 'needs', pages: unread, batches: [] };
  draft.litter.splice(draft.litter.length - swept.length);
  for (const litter of swept) {
    const children = (lookup.page(litter.key) ?? []).filter((child) => !isSpent(child, litter));
    for (const { level, key, first } of children) if (level > 0) draft.litter.push({ key, first });
    discard(
      draft,
      children.filter(({ level }) => level === 0),
    );
    draft.spent.push(litter.key);
  }
  return undefined;
}
