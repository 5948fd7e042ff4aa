import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Mutation } from './mutation.ts';

const root = join(import.meta.dirname, '..', '..', '..');

/**
 * The files that a mutant has otherwise, by their URLs.
 * @throws Error naming a patch whose text is not there exactly once
 */
export function sourcesOf({ name, patches }: Mutation): ReadonlyMap<string, string> {
  const sources = new Map<string, string>();
  for (const { file, search, replace } of patches) {
    const path = join(root, file);
    const url = pathToFileURL(path).href;
    const source = sources.get(url) ?? readFileSync(path, 'utf8');
    const found = source.split(search).length - 1;
    if (found !== 1) throw new Error(`"${name}" finds its place in ${file} ${found} times: bring it up to date.`);
    sources.set(
      url,
      source.replace(search, () => replace),
    );
  }
  return sources;
}
