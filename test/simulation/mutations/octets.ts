import { type Mutation, mutation } from './mutation.ts';

/** What is bounded in octets. */
export const ofOctets: readonly Mutation[] = [
  mutation(
    'an item takes as many octets as its messages have',
    'broker/inbox/batches.ts',
    ' && bytes + size <= limits.batchBytes',
    '',
  ),
  mutation(
    'a turn gives out as many octets as its messages have',
    'shard/plan/take.ts',
    'bytes > this.#bytesMax || reply >',
    'reply >',
  ),
  mutation(
    'a post takes as many octets as its frames have',
    'gateway/push.ts',
    'const post = last && size + frameBytes <= postBytes ? last : [];',
    'const post = last ?? [];',
  ),
];
