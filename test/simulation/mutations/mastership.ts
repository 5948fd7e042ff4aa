import { type Mutation, mutation } from './mutation.ts';

/** Leases and rings. */
export const ofMastership: readonly Mutation[] = [
  mutation(
    'commit does not look at the lease',
    'store/head-rules.ts',
    "if (head?.lease?.nonce !== commit.nonce) return { kind: 'lost', head };",
    "if (!head) return { kind: 'lost', head };",
  ),
  mutation(
    'a release does not look at the rings',
    'store/head-rules.ts',
    "if (!commit.lease && head.rings !== commit.rings) return { kind: 'rung', head };",
    '',
  ),
  mutation(
    'a release looks at the rings of the later head',
    'broker/lead.ts',
    'const releaseAt = mayRelease() ? rings : undefined;',
    'const releaseAt = mayRelease() ? outcome.head.rings : undefined;',
  ),
  mutation(
    'a living lease is stolen',
    'shard/lease.ts',
    'return now > lease.until + limits.skewMs;',
    'return now > lease.until - limits.leaseMs;',
  ),
  mutation(
    'a handover calls nobody',
    'broker/lead.ts',
    "if (outcome.kind === 'committed') await dispatch(head.shard, successor);",
    'void outcome;',
  ),
  mutation(
    'two dispatches share a nonce',
    'broker/sweep.ts',
    'const lease = leaseFrom(freshNonce(broker), broker.clock.now(), broker.limits);\n  const renewal',
    'const lease = leaseFrom(nonce, broker.clock.now(), broker.limits);\n  const renewal',
  ),
  mutation(
    'the sweep crosses off whatever was not rung again',
    'store/head-rules.ts',
    'return head.rings === rings && !head.lease && head.inbox.length === 0;',
    'return head.rings === rings;',
  ),
  {
    name: 'an acknowledgement never rings',
    patches: [
      {
        file: 'lib/broker/settlement.ts',
        search: "const ring = verb !== 'acknowledge' || mine.some(({ token }) => token.backlog);",
        replace: "const ring = verb !== 'acknowledge';",
      },
      {
        file: 'lib/broker/settlement.ts',
        search: '!ring && unlocksWork(broker, head)',
        replace: '!ring && head.inbox.length < 0 && unlocksWork(broker, head)',
      },
    ],
  },
  mutation(
    'every election has the same nonce',
    'broker/inbox.ts',
    'return broker.epoch + broker.random.id();',
    "return broker.epoch + 'nonce';",
  ),
  mutation(
    'a theft whose reply was lost is taken for an election',
    'broker/inbox.ts',
    'return stealIfDead(broker, head, freshNonce(broker));',
    'return stealIfDead(broker, head, nonce);',
  ),
  mutation(
    'a renewal keeps its nonce',
    'broker/commit.ts',
    'const renewed = freshNonce(broker);',
    'const renewed = nonce;',
  ),
  mutation(
    'a sleeper that wakes does nothing',
    'broker/sweep.ts',
    'if (hasWork) return await wake(broker, shard);',
    'if (hasWork) return;',
  ),
  mutation(
    'a sleeper asks for no later deadline',
    'broker/sweep.ts',
    'if (deadline !== undefined) broker.alarm(shard, deadline, deadline);',
    'void deadline;',
  ),
  {
    name: 'what a consumer waits for is left to the sweep',
    patches: [
      {
        file: 'functions/waiters.ts',
        search: 'this.#waiting.set(waiter, at);\n    return true;',
        replace: 'return false;',
      },
    ],
  },
];
