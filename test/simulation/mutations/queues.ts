import { type Mutation, mutation } from './mutation.ts';

/** What people do to queues. */
export const ofQueues: readonly Mutation[] = [
  mutation(
    'a browse hides what waits to be dead-lettered',
    'broker/browse.ts',
    'for (const { first, count, inFlight, redelivered } of [...again, ...dying, ...flying]) {',
    'void dying;\n  for (const { first, count, inFlight, redelivered } of [...again, ...flying]) {',
  ),
  mutation(
    'a browse takes what a master used up meanwhile for lost',
    'broker/browse.ts',
    'if (reading.hasAll || tries === BROWSE_TRIES) return messages;',
    'if (tries > 0) return messages;',
  ),
  mutation('a queue with consumers is deleted', 'broker/queues.ts', 'if (consumers > 0) {', 'if (consumers < 0) {'),
  mutation('a queue takes more consumers than it may have', 'shard/absorb.ts', 'turnAway(draft, context);', ''),
  mutation(
    'a deletion does not look at the rings',
    'store/memory/memory-store.ts',
    'if (!isIdle(head, rings)) return false;\n    this.#heads.delete(shard);',
    'void rings;\n    this.#heads.delete(shard);',
  ),
  mutation(
    'a refused deletion has purged the queue',
    'broker/queues.ts',
    'const mastership = await becomeMaster(broker, shard);',
    "const purge = { id: broker.random.id(), request: { kind: 'purge' } } as const;\n  const mastership = (await appendIfThere(broker, shard, [purge], { ring: true }))?.mastership;",
  ),
  mutation(
    'a purge takes what comes after it',
    'shard/absorb.ts',
    'for (const entry of entries) arrive(draft, entry, context);',
    "for (const entry of entries) if (entry.kind !== 'purge') arrive(draft, entry, context);\n  for (const entry of entries) if (entry.kind === 'purge') arrive(draft, entry, context);",
  ),
  mutation(
    'a purge takes what is in flight',
    'shard/absorb.ts',
    'draft.counts.purged += dropReady(draft);',
    '{ draft.counts.purged += dropReady(draft) + total(draft.flights); draft.flights = []; }',
  ),
];
