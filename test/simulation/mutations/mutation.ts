/** One place in the sources, which must be there exactly once, and what the mutant has instead. */
export type Patch = { readonly file: string; readonly search: string; readonly replace: string };

/** A bug that somebody might write. The story that catches it is kept in `stories.json`, under its name. */
export type Mutation = { readonly name: string; readonly patches: readonly Patch[] };

export function mutation(name: string, file: string, search: string, replace: string): Mutation {
  return { name, patches: [{ file: `lib/${file}`, search, replace }] };
}
