import { type Mutation, mutation } from './mutation.ts';

/** What happens at once, or not at all. */
export const ofTransactions: readonly Mutation[] = [
  mutation(
    'a transaction is decided, and pushes come before the commit',
    'shard/plan/deal.ts',
    'takeover || draft.hasDecided || isPull',
    'takeover || isPull',
  ),
  mutation(
    'a transaction that is repeated is decided again',
    'shard/absorb/repeats.ts',
    "if (decision) return decision.outcome === 'committed' ? 'known' : 'aborted';",
    '',
  ),
  mutation(
    'a transaction is committed though a delivery is over',
    'shard/absorb/transact.ts',
    "if (!entry.settles.every((settle) => isOpen(draft, entry, settle))) return 'over';",
    'void isOpen;',
  ),
  mutation(
    'an aborted transaction sends all the same',
    'shard/absorb/transact.ts',
    "if (outcome === 'committed') carryOut(draft, entry, context);",
    "if (outcome === 'committed') carryOut(draft, entry, context);\n  else if (outcome === 'over') carryOut(draft, { ...entry, settles: [] }, context);",
  ),
  mutation(
    'a committed transaction acknowledges nothing',
    'shard/absorb/transact.ts',
    'for (const [i, settle] of settles.entries()) end(',
    'for (const [i, settle] of settles.slice(settles.length).entries()) end(',
  ),
  mutation(
    'an aborted transaction keeps what it was to end',
    'shard/absorb/transact.ts',
    "if (outcome === 'over') giveBack(draft, entry);",
    "if (outcome === 'over') draft.counts.acknowledged += 0 * giveBack.length;\n  if (outcome === 'over') for (const settle of entry.settles) end(draft, { id: entry.id, attempt: 1, ...settle }, context);",
  ),
  mutation(
    'the bodies of an aborted transaction stay',
    'shard/absorb/transact.ts',
    'if (!bodiesExpire) draft.spent.push(...batchKeysOf(entry));',
    'void bodiesExpire;',
  ),
  {
    name: 'what a transaction sends on goes before its commit',
    patches: [
      {
        file: 'lib/shard/plan/onward.ts',
        search: 'const commitFirst = committed.length === 0;',
        replace: 'const commitFirst = false;',
      },
      {
        file: 'lib/shard/plan/onward.ts',
        search: 'takeOnward(commitFirst ? all : committed,',
        replace: 'takeOnward(all,',
      },
    ],
  },
  mutation(
    'what was sent on is not known again',
    'shard/absorb/repeats.ts',
    'return taken.some(([first, end]) => (isOnward || number >= first) && number < end);',
    'return !isOnward && taken.some(([first, end]) => number >= first && number < end);',
  ),
  mutation(
    'what was sent on and refused is left to a ring',
    'shard/conclude/wake-up.ts',
    '    ...onwardTimes(draft),\n',
    '',
  ),
  mutation(
    'what was sent on takes its whole batch along',
    'shard/plan/onward.ts',
    'draft.spent.push(...[...keys].filter((key) => !named.has(key)));',
    'draft.spent.push(...keys);\n  void named;',
  ),
  mutation(
    'what was sent on leaves its bodies behind',
    'shard/plan/onward.ts',
    'draft.spent.push(...[...keys].filter((key) => !named.has(key)));',
    'void [keys, named];',
  ),
];
