import { type Mutation, mutation } from './mutation.ts';

/** Leases and rings. */
export const ofMastership: readonly Mutation[] = [
  mutation(
    'who hears of a failure leads by the nonce that it gave away',
    'broker/turn/yield.ts',
    'return await takeBack(broker, mastership);',
    'return mastership;',
  ),
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
    'broker/turn/lead.ts',
    'releaseAt: mayRelease(finishedLate.more) ? head.rings : undefined',
    'releaseAt: mayRelease(finishedLate.more) ? held.head.rings : undefined',
  ),
  mutation(
    'a living lease is stolen',
    'shard/state/lease.ts',
    'return now > lease.until + limits.skewMs;',
    'return now > lease.until - limits.leaseMs;',
  ),
  mutation(
    'nothing is allowed for clocks',
    'shard/state/lease.ts',
    'return now > lease.until + limits.skewMs;',
    'void limits;\n  return now > lease.until;',
  ),
  mutation(
    'a lease that was stolen is passed on without the suspicion',
    'broker/turn/yield.ts',
    'if (!broker.dispatch || takeover) return mastership;',
    'if (!broker.dispatch) return mastership;\n  void takeover;',
  ),
  mutation('a handover calls nobody', 'broker/turn/yield.ts', 'await dispatch(head.shard, successor);', ''),
  mutation(
    'two dispatches share a nonce',
    'broker/verbs/sweep.ts',
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
        file: 'lib/broker/verbs/settlement.ts',
        search: "return settling.kind !== 'acknowledge' || settling.token.backlog;",
        replace: "return settling.kind !== 'acknowledge';",
      },
      {
        file: 'lib/broker/verbs/settlement.ts',
        search: '!ring && unlocksWork(broker, head)',
        replace: '!ring && head.inbox.length < 0 && unlocksWork(broker, head)',
      },
    ],
  },
  mutation(
    'every election has the same nonce',
    'broker/inbox/leases.ts',
    'return broker.epoch + broker.random.id();',
    "return broker.epoch + 'nonce';",
  ),
  mutation(
    'a renewal keeps its nonce',
    'broker/turn/commit.ts',
    'const renewed = freshNonce(broker);',
    'const renewed = nonce;',
  ),
  mutation(
    'a sleeper that wakes does nothing',
    'broker/verbs/sweep.ts',
    'if (hasWork || isUnwatched) await wake(broker, shard);',
    'if (!hasWork && isUnwatched) await wake(broker, shard);',
  ),
  mutation(
    'a sleeper asks for no later deadline',
    'broker/verbs/sweep.ts',
    'if (hasWork || isUnwatched) await wake(broker, shard);',
    'void isUnwatched;\n  if (hasWork) await wake(broker, shard);',
  ),
  mutation(
    'who slept once is taken to be asleep for ever',
    'shard/conclude/wake-up.ts',
    'return awaited.filter((until) => until > now);',
    'return awaited.filter((until) => until > 0 * now);',
  ),
  {
    name: 'what a consumer waits for is left to the sweep',
    patches: [
      {
        file: 'functions/waiters.ts',
        search: 'this.#waiting.set(waiter, until);\n    return true;',
        replace: 'return false;',
      },
    ],
  },
  mutation(
    'a turn that failed gives up a lease that it had taken over as if nothing had gone out',
    'broker/turn/lead.ts',
    'nonce: lease.nonce, hasPushed: takeover',
    'nonce: lease.nonce, hasPushed: false',
  ),
  mutation(
    'a turn that failed after its pushes gives the lease up as if nothing had gone out',
    'broker/turn/yield.ts',
    'const outcome = hasPushed\n',
    'const outcome = hasPushed && nonce === dead.nonce\n',
  ),
];
