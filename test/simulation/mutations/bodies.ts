import { type Mutation, mutation } from './mutation.ts';

/** Bodies and pages. */
export const ofBodies: readonly Mutation[] = [
  mutation(
    'bodies expire long before they should',
    'broker/batches.ts',
    'expiresAt: Math.floor((now + limits.retentionMs) / 1000)',
    'expiresAt: Math.floor((now + limits.retentionMs / 4) / 1000)',
  ),
  mutation(
    'bodies are said to be extended, and are not',
    'broker/upkeep.ts',
    'await extendAll(broker, shard, part, expiresAt);',
    '',
  ),
  mutation(
    'what pages list is not extended with them',
    'broker/upkeep.ts',
    'if (bytes) await extendAll(',
    'if (bytes && bytes.length < 0) await extendAll(',
  ),
  mutation(
    'a page that was drawn meanwhile stops the extension',
    'broker/upkeep.ts',
    'if (bytes) await extendAll(',
    'if (!bytes) throw new Error(key);\n    await extendAll(',
  ),
  mutation('pages are named by their place', 'shard/roll-up.ts', '{context.pageKey}.', "{'page'}."),
  mutation(
    'a batch goes with the first of its references',
    'shard/ready.ts',
    'if (!reference.shared && !fresh.has(reference.key)) draft.spent.push(reference.key);',
    'draft.spent.push(reference.key);',
  ),
  mutation(
    'code reads what newer code wrote',
    'shard/packing.ts',
    'if (value[0] === version) return read(value);',
    "if (typeof value[0] === 'number') return read(value);",
  ),
  mutation(
    'a page is named and not written',
    'broker/commit.ts',
    'blobs: settled.pages.map((page) => ({ ...page, expiresAt })),',
    'blobs: settled.pages.slice(1).map((page) => ({ ...page, expiresAt })),',
  ),
  mutation(
    'what was written while bodies were extended counts as extended',
    'shard/absorb.ts',
    'endOf(r) <= upTo && isExtended(r.born, born, limits)',
    'isExtended(r.born, born, limits)',
  ),
];
