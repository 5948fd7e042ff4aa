import type { Item } from './expression.ts';
import { readText } from './expression.ts';

/** There is no head of the shard in this table. */
export type Elsewhere = {
  readonly kind: 'elsewhere';
  /** The group that it went to from here; undefined if it was never here, or is gone. */
  readonly movedTo: string | undefined;
};

/** What an item in a head's place says, if it is no head: undefined if it is one. */
export function elsewhere(item: Item | undefined): Elsewhere | undefined {
  if (!item) return { kind: 'elsewhere', movedTo: undefined };
  const movedTo = readText(item, 'home');
  return movedTo === '' ? undefined : { kind: 'elsewhere', movedTo };
}

export function isElsewhere(outcome: object): outcome is Elsewhere {
  return 'kind' in outcome && outcome.kind === 'elsewhere';
}
