import { type Mutation, mutation } from './mutation.ts';

/** What people do to queues. */
export const ofQueues: readonly Mutation[] = [
  mutation(
    'a browse hides what waits to be dead-lettered',
    'broker/bodies/stretch.ts',
    'const drawn = [...again, ...leaving, ...flying].filter(',
    'void leaving;\n  const drawn = [...again, ...flying].filter(',
  ),
  mutation(
    'a browse takes what a master used up meanwhile for lost',
    'broker/verbs/browse.ts',
    'const page = await browsing.look(head, looks >= LOOKS);',
    'const page = await browsing.look(head, true);',
  ),
  mutation(
    'a queue with consumers is deleted',
    'broker/verbs/queues.ts',
    'if (consumers > 0) {',
    'if (consumers < 0) {',
  ),
  mutation('a queue takes more consumers than it may have', 'shard/absorb/absorb.ts', 'turnAway(draft, context);', ''),
  mutation(
    'a deletion does not look at the rings',
    'store/memory/memory-store.ts',
    'if (rings !== undefined && !isIdle(head, rings)) return false;',
    'void rings;',
  ),
  mutation(
    'a refused deletion has purged the queue',
    'broker/verbs/queues.ts',
    'const mastership = await becomeMaster(broker, shard);',
    "const purge = { id: broker.random.id(), request: { kind: 'purge' } } as const;\n  const mastership = (await appendIfThere(broker, shard, [purge], { ring: true }))?.mastership;",
  ),
  mutation(
    'a purge takes what comes after it',
    'shard/absorb/absorb.ts',
    'for (const entry of entries) arrive(draft, entry, context);',
    "for (const entry of entries) if (entry.kind !== 'purge') arrive(draft, entry, context);\n  for (const entry of entries) if (entry.kind === 'purge') arrive(draft, entry, context);",
  ),
  mutation(
    'a purge takes what is in flight',
    'shard/absorb/absorb.ts',
    'draft.counts.purged += dropReady(draft, context) + total(draft.delayed) + total(draft.apart);',
    '{ draft.counts.purged += dropReady(draft, context) + total(draft.delayed) + total(draft.flights); draft.flights = []; }',
  ),
];
