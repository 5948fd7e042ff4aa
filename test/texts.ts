import { globSync, readFileSync } from 'node:fs';

/** A real text to send: the project's own sources, one after the other. */
const corpus = globSync('lib/**/*.ts')
  .sort()
  .map((file) => readFileSync(file))
  .reduce((all, part) => Buffer.concat([all, part]));

/** The `index`-th body of `size` octets: its number, then text. No two are alike. */
export function bodyOf(index: number, size = 1024): string {
  const head = `${index} `;
  const start = (index * 509) % (corpus.length - size);
  // Cut as Latin-1: the text is ASCII, so that octets and characters are the same.
  return head + corpus.toString('latin1', start, start + size - head.length).replace(/[^\x20-\x7e\n]/g, '.');
}

/** The number in a body. */
export function indexOf(body: string): number {
  return Number(body.slice(0, body.indexOf(' ')));
}
