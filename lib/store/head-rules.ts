import type {
  Accepts,
  Append,
  AppendOutcome,
  Commit,
  CommitOutcome,
  Head,
  ShardAppend,
  Steal,
  StealOutcome,
} from './port.ts';

/** What `append` does to a head, for stores that hold heads in memory. A head is never changed, but replaced. */
export function appendTo(shard: string, head: Head | undefined, append: Append): AppendOutcome {
  if (!head && append.mustExist) return { kind: 'absent', head: undefined };
  const before = head ?? emptyHead(shard);
  if (append.entries.length > 0 && before.inbox.length >= append.room) {
    return { kind: 'full', head: before, hasBlobs: false };
  }
  return {
    kind: 'appended',
    head: {
      ...before,
      inbox: append.entries.length > 0 ? [...before.inbox, ...append.entries] : before.inbox,
      rings: append.ring ? before.rings + 1 : before.rings,
      lease: before.lease ?? append.ring,
      due: before.due || append.minute,
    },
  };
}

/** What `appendAll` does to heads, which `headOf` shows as they are: undefined if one is full, or not accepted. */
export function appendAllTo(
  headOf: (shard: string) => Head | undefined,
  appends: readonly ShardAppend[],
  accepts: Accepts,
): readonly AppendOutcome[] | undefined {
  const heads = new Map<string, Head | undefined>();
  const outcomes: AppendOutcome[] = [];
  for (const append of appends) {
    const { shard } = append;
    const outcome = appendTo(shard, heads.has(shard) ? heads.get(shard) : headOf(shard), append);
    if (outcome.kind === 'full') return undefined;
    heads.set(shard, outcome.head);
    outcomes.push(outcome);
  }
  return accepts(outcomes) ? outcomes : undefined;
}

/** What `commit` does to a head: 'committed' brings the one to keep. */
export function commitTo(head: Head | undefined, commit: Commit): CommitOutcome {
  if (head?.lease?.nonce !== commit.nonce) return { kind: 'lost', head };
  if (!commit.lease && head.rings !== commit.rings) return { kind: 'rung', head };
  return {
    kind: 'committed',
    head: { ...head, state: commit.state, inbox: head.inbox.slice(commit.absorbed), lease: commit.lease },
  };
}

/** What `steal` does to a head: 'stolen' brings the one to keep. */
export function stealFrom(head: Head | undefined, steal: Steal): StealOutcome {
  if (head?.lease?.nonce !== steal.seen) return { kind: 'lost', head };
  return { kind: 'stolen', head: { ...head, lease: steal.lease } };
}

/** True if nobody rang since `rings`, nobody holds the lease, and the inbox is empty. */
export function isIdle(head: Head, rings: number): boolean {
  return head.rings === rings && !head.lease && head.inbox.length === 0;
}

function emptyHead(shard: string): Head {
  return { shard, lease: undefined, rings: 0, inbox: [], state: undefined, due: 0 };
}
