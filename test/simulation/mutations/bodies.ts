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
    'broker/extension.ts',
    'await this.#broker.store.extendBlobs(this.#shard, keys, this.#expiresAt);',
    '',
  ),
  mutation(
    'what pages list is not extended with them',
    'broker/extension.ts',
    'if (first.level > 0 && !(await this.#extendPage(first))) return false;',
    '',
  ),
  mutation(
    'an extension that goes on passes over what was cut short',
    'broker/extension.ts',
    'return await this.#extend(this.#left(decodePage(key, bytes)));',
    'return await this.#extend(decodePage(key, bytes).filter(({ first }) => first >= this.#upTo));',
  ),
  mutation(
    'what is held in part is taken for extended as a whole',
    'broker/extension.ts',
    'const open = parts[at + 1]?.[0]?.first ?? Number.POSITIVE_INFINITY;',
    'const open = Number.POSITIVE_INFINITY;',
  ),
  mutation('pages are named by their place', 'shard/roll-up.ts', '{context.pageKey}.', "{'page'}."),
  mutation(
    'a batch goes with the first of its references',
    'shard/ready.ts',
    'if (!shared && !needed.has(key)) draft.spent.push(key);',
    'draft.spent.push(key);',
  ),
  mutation(
    'a first copy frees the batch of a second that lies in a page',
    'shard/ready.ts',
    'if (draft.references.some(({ level, flagged }) => level > 0 && flagged)) return;',
    '',
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
