import { type Mutation, mutation } from './mutation.ts';

/** What goes from one shard to another. */
export const ofForwards: readonly Mutation[] = [
  mutation(
    'a forward is begun though the lease is over',
    'broker/effects/forward.ts',
    "if (broker.clock.now() + leastPushMs(broker.limits) > until) return 'refused';",
    '',
  ),
  mutation(
    'what a purge took away counts as outgoing still',
    'shard/turn.ts',
    'plan(draft, lookup, context, state)',
    'plan(draft, lookup, context, state.outgoing.length > 0 ? { ...state, nextForward: draft.nextForward } : state)',
  ),
  mutation(
    'a refused forward is taken for taken',
    'broker/effects/forward.ts',
    "return wasNotWritten(error) ? 'refused' : outcome;",
    "return 'taken';",
  ),
  mutation(
    'a refused forward fails the turn',
    'broker/effects/forward.ts',
    "return wasNotWritten(error) ? 'refused' : outcome;",
    'throw error;',
  ),
  mutation(
    'a forward of which nobody heard is taken for refused',
    'broker/effects/forward.ts',
    "return wasNotWritten(error) ? 'refused' : outcome;",
    "return 'refused';",
  ),
  mutation(
    'what a deleted dead-letter queue had counts as new',
    'shard/absorb/repeats.ts',
    'if (attempt > 1) return { ...known, anewAt: LONG_AGO };',
    '',
  ),
  mutation(
    'all that waits outgoing is forwarded with what a commit has',
    'shard/plan/forwards.ts',
    'const count = Math.min(range.count, firstNew - range.number);',
    'const count = range.number < firstNew ? range.count : 0;',
  ),
  {
    name: 'what only this turn made outgoing is forwarded before its commit',
    patches: [
      {
        file: 'lib/shard/plan/forwards.ts',
        search: 'const commitFirst = committed.length === 0;',
        replace: 'const commitFirst = false;',
      },
      {
        file: 'lib/shard/plan/forwards.ts',
        search: 'for (const range of commitFirst ? draft.outgoing : committed) {',
        replace: 'for (const range of draft.outgoing) {',
      },
    ],
  },
  mutation('what was refused is left to a ring', 'shard/conclude/wake-up.ts', '(draft.forwardRetry?.at ?? 0)', '0'),
  mutation(
    'a forward that was refused gets new numbers',
    'shard/plan/forwards.ts',
    'draft.forwardRetry = { at: retryTime(tries, now), tries',
    'for (const range of draft.outgoing) Object.assign(range, { number: range.number + 100 });\n    draft.forwardRetry = { at: retryTime(tries, now), tries',
  ),
  mutation(
    'dead letters go nowhere',
    'broker/turn/lead.ts',
    'await broker.effects.forward(broker, shard, incarnation, forward, heldUntil(held))',
    "(forward.target === undefined ? 'taken' : await broker.effects.forward(broker, shard, incarnation, forward, heldUntil(held)))",
  ),
  mutation(
    'a forward is not known again',
    'shard/absorb/repeats.ts',
    "if (isTaken(source, number)) return 'repeat';",
    "if (source.source.endsWith(ONWARD) && isTaken(source, number)) return 'repeat';",
  ),
];
