import { type Mutation, mutation } from './mutation.ts';

/** Bodies and pages. */
export const ofBodies: readonly Mutation[] = [
  mutation(
    'bodies expire long before they should',
    'broker/inbox/batches.ts',
    'expiresAt: Math.floor((now + broker.limits.retentionMs) / 1000)',
    'expiresAt: Math.floor((now + broker.limits.retentionMs / 4) / 1000)',
  ),
  mutation(
    'bodies are said to be extended, and are not',
    'broker/effects/keep-alive.ts',
    'return await this.#broker.store.keepBlobs(this.#shard, [key], this.#expiresAt);',
    'return;',
  ),
  mutation(
    'what pages list is not extended with them',
    'broker/effects/keep-alive.ts',
    'if (first.level > 0 && !(await this.#keepPage(first, open))) return false;',
    '',
  ),
  mutation(
    'an extension that goes on passes over what was cut short',
    'broker/effects/keep-alive.ts',
    'return await this.#keepAll(this.#left(decodePage(key, bytes)), open);',
    'return await this.#keepAll(decodePage(key, bytes).filter(({ first }) => first >= this.#upTo), open);',
  ),
  mutation(
    'pages that are purged are left to an expiry that never comes',
    'shard/state/discard.ts',
    'if (level > 0 && !bodiesExpire) draft.litter.push({ key, first });',
    'void [level, key, first, bodiesExpire];',
  ),
  mutation(
    'a target keeps what it knows already',
    'shard/absorb/fresh.ts',
    'if (admitted.length === 0 && !bodiesExpire) draft.spent.push(key);',
    '',
  ),
  mutation(
    'a batch of several parts stays for ever',
    'shard/absorb/fresh.ts',
    'expires, born, transient, flagged, shared: false },\n      ...(sizeBytes === undefined ? {} : { sizeBytes }),\n      ...(offset > 0',
    'expires, born, transient, flagged, shared: runs.length > 1 },\n      ...(sizeBytes === undefined ? {} : { sizeBytes }),\n      ...(offset > 0',
  ),
  mutation(
    'bodies are kept alive where nothing expires',
    'shard/conclude/keep-alive.ts',
    'if (!bodiesExpire || births.length === 0) return 0;',
    'void bodiesExpire;\n  if (births.length === 0) return 0;',
  ),
  mutation('pages are named by their place', 'shard/conclude/roll-up.ts', '{context.pageKey}.', "{'page'}."),
  mutation(
    'a batch goes with the first of its references',
    'shard/state/discard.ts',
    '!shared && !named.has(key) && !needs(batchOf(reference)) && ',
    '',
  ),
  mutation(
    'code reads what newer code wrote',
    'shard/codec/packing.ts',
    'if (versions.includes(value[0] as number)) return read(value);',
    "if (typeof value[0] === 'number') return read(value);",
  ),
  mutation(
    'a page is named and not written',
    'broker/turn/commit.ts',
    'blobs: settled.pages.map((page) => ({ ...page, expiresAt })),',
    'blobs: settled.pages.slice(1).map((page) => ({ ...page, expiresAt })),',
  ),
  mutation(
    'what was written while bodies were extended counts as extended',
    'shard/absorb/absorb.ts',
    'endOf(r) <= upTo && isDueToKeep(r.born, born, limits)',
    'isDueToKeep(r.born, born, limits)',
  ),
];
