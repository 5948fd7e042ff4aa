import { readFileSync } from 'node:fs';

/** A listing of the README: its language, what is in it, and the file that the line above it names, if it names one. */
export type Listing = { readonly language: string; readonly text: string; readonly file: string | undefined };

const readme = readFileSync('README.md', 'utf8');

/**
 * The listings under a heading, in their order.
 * @throws Error if there is no such heading, or nothing under it
 */
export function listingsUnder(heading: string): readonly Listing[] {
  const section = readme.split(/^#+ /m).find((part) => part.startsWith(`${heading}\n`));
  const found = [...(section ?? '').matchAll(/(?:^`([\w.]+)`:\n\n)?^```(\w+)\n(.*?)^```$/gms)];
  if (found.length === 0) throw new Error(`The README has no listings under "${heading}".`);
  return found.map(([, file, language = '', text = '']) => ({ language, text, file }));
}

/** The one listing under a heading of which this is part. */
export function listingWith(heading: string, part: string): Listing {
  const [one, ...others] = listingsUnder(heading).filter(({ text }) => text.includes(part));
  if (!one || others.length > 0) throw new Error(`The README has ${one ? 'several' : 'no'} listings with "${part}".`);
  return one;
}
