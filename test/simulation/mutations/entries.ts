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
    'shard/absorb/repeats.ts',
    "if (draft.repeated.includes(id) || draft.repeated.includes(id + IN_TIME)) return 'repeat';\n  const isKnown = draft.recent.includes(id);",
    'const isKnown = false;',
  ),
  mutation(
    'a repeat has an id of its own',
    'broker/inbox/append.ts',
    'encodeEntry({ id, attempt, ...request } as Entry)',
    'encodeEntry({ id: attempt > 1 ? broker.random.id() : id, attempt: 1, ...request } as Entry)',
  ),
  {
    name: 'what was appended is appended anew when a theft fails after it',
    patches: [
      {
        file: 'lib/broker/requests.ts',
        search:
          'const head = await appendToInbox(broker, shard, requests, { ...options, nonce, retryMs, onFull });\n  if (head) broker.latest?.set(shard, head);\n  return head && { head, mastership: nonce ? await elect(broker, head, nonce) : undefined };',
        replace:
          'for (;;) {\n    const head = await appendToInbox(broker, shard, requests, { ...options, nonce, retryMs, onFull });\n    try {\n      return head && { head, mastership: nonce ? await elect(broker, head, nonce) : undefined };\n    } catch {}\n  }',
      },
      {
        file: 'lib/broker/requests.ts',
        search: 'broker.wakeAt(shard, at, at);\n    return undefined;',
        replace: 'throw error;\n    void at;',
      },
    ],
  },
  mutation(
    'what a full inbox refused is receipted',
    'broker/inbox/append.ts',
    "if (outcome.kind !== 'full') return outcome.head;",
    'return outcome.head;',
  ),
];
