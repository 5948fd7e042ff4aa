import * as z from 'zod/mini';
import { fields } from './check.ts';

const LIMIT = 100;
const LIMIT_MAX = 1000;

/** The query of a listing in the order of names. @param what is listed, e.g. `queues` */
export function pageQuery(what: string) {
  return fields({
    after: z._default(z.string().check(z.describe('The last name of the page before.')), ''),
    limit: z._default(
      z.coerce.number().check(z.int(), z.gte(1), z.lte(LIMIT_MAX), z.describe(`The most ${what} to list.`)),
      LIMIT,
    ),
  });
}

/** How a page says that it may not be the last. */
export const nextPage = z.optional(
  z.string().check(z.describe('Present if there may be more: the "after" of the next page.')),
);

/** What a page of so many at most says of the next one. */
export function nextOf(page: readonly { readonly name: string }[], limit: number): { readonly next?: string } {
  const last = page.length === limit ? page.at(-1)?.name : undefined;
  return last === undefined ? {} : { next: last };
}
