import { type Mutation, mutation } from './mutation.ts';

/** Entries and their order. */
export const ofEntries: readonly Mutation[] = [
  mutation(
    'a commit leaves one entry too many',
    'store/head-rules.ts',
    'head.inbox.slice(commit.absorbed)',
    'head.inbox.slice(Math.max(0, commit.absorbed - 1))',
  ),
  mutation(
    'a commit removes one entry too many',
    'store/head-rules.ts',
    'head.inbox.slice(commit.absorbed)',
    'head.inbox.slice(commit.absorbed + 1)',
  ),
  mutation(
    'entries are put in front',
    'store/head-rules.ts',
    '[...before.inbox, ...append.entries]',
    '[...append.entries, ...before.inbox]',
  ),
  mutation(
    'repeats are forgotten',
    'shard/repeats.ts',
    "if (draft.recent.includes(id) || draft.repeated.includes(id)) return 'repeat';",
    '',
  ),
  mutation(
    'a repeat has an id of its own',
    'broker/inbox.ts',
    'encodeEntry({ id, attempt, ...request } as Entry)',
    'encodeEntry({ id: attempt > 1 ? broker.random.id() : id, attempt: 1, ...request } as Entry)',
  ),
  mutation(
    'a forward is not known again',
    'shard/repeats.ts',
    "if (source.taken.some(([first, end]) => number >= first && number < end)) return 'repeat';",
    '',
  ),
  mutation(
    'what a full inbox refused is receipted',
    'broker/inbox.ts',
    "if (outcome.kind === 'appended') {",
    "if (outcome.kind !== 'absent') {",
  ),
];
