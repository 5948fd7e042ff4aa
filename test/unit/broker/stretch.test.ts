import { expect, it } from 'vitest';
import { stretchesOf } from '../../../lib/broker/bodies/stretch.ts';
import { draftOf } from '../../../lib/shard/state/draft.ts';
import type { Reference } from '../../../lib/shard/state/reference.ts';
import { emptyState } from '../../../lib/shard/state/state.ts';

const batch = (first: number, count: number): Reference => ({
  ...{ level: 0, key: `b${first}`, first, count, offset: 0, expires: 0, born: 0 },
  ...{ transient: false, flagged: false, shared: false },
});

it('what was drawn from behind what stays is shown in its place', () => {
  const draft = draftOf(emptyState('i'));
  draft.references = [batch(1, 2), batch(5, 2)];
  draft.held = [batch(3, 2)];
  draft.outgoing = [{ first: 3, count: 2, failures: 6, number: 1 }];
  const shown = stretchesOf(draft, 1).map(({ first, count, reference }) => [first, count, reference.key]);
  expect(shown).toEqual([
    [2, 1, 'b1'],
    [3, 2, 'b3'],
    [5, 2, 'b5'],
  ]);
});
