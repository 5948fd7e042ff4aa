import type { Context, Draft } from '../state/draft.ts';
import { total } from '../state/draft.ts';
import { encodePage, type Reference, sinceOf } from '../state/reference.ts';

export type PageWrite = { readonly key: string; readonly bytes: Uint8Array };

/** The front is about to be drawn: it stays as it is. */
const KEPT_IN_FRONT = 2;

/**
 * Keeps the head small: where a level has gathered many references they become one page, to which a single reference
 * of the next level points. A backlog of n batches so takes a number of references that grows with log n.
 */
export function rollUp(draft: Draft, context: Context): PageWrite[] {
  const pages: PageWrite[] = [];
  for (let run = longestRun(draft, context); run; run = longestRun(draft, context)) {
    // A turn that commits twice rolls up twice.
    const key = `${context.pageKey}.${draft.pages++}`;
    const children = draft.references.slice(run.from, run.to);
    draft.references.splice(run.from, children.length, referTo(key, children, context));
    pages.push({ key, bytes: encodePage(children) });
  }
  return pages;
}

/** The last run of references of one level that is too long for the head. */
function longestRun(draft: Draft, { limits }: Context): { from: number; to: number } | undefined {
  for (let to = draft.references.length; to > KEPT_IN_FRONT; ) {
    const level = draft.references[to - 1]?.level;
    let from = to;
    while (from > KEPT_IN_FRONT && draft.references[from - 1]?.level === level) from--;
    if (to - from >= limits.referencesPerLevel) return { from, to };
    to = from;
  }
  return undefined;
}

function referTo(key: string, children: readonly Reference[], { now }: Context): Reference {
  const [front] = children as [Reference];
  const expiries = children.map((child) => child.expires).filter((expires) => expires > 0);
  const born = Math.min(Math.floor(now / 1000), ...children.map((child) => child.born));
  const since = Math.min(...children.map(sinceOf));
  return {
    level: front.level + 1,
    key,
    first: front.first,
    count: total(children),
    offset: 0,
    expires: expiries.length > 0 ? Math.min(...expiries) : 0,
    born,
    ...(since < born ? { since } : {}),
    transient: false,
    // It lists what may be a second copy.
    flagged: children.some((child) => child.flagged),
    shared: false,
  };
}
