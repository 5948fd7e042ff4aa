import * as z from 'zod/mini';
import { type BrokerError, type ErrorCode, errorFaces } from '../model/errors.ts';
import { errorResponse } from './failures.ts';
import type { Reply } from './route.ts';

const codes = Object.keys(errorFaces) as [ErrorCode, ...ErrorCode[]];

/** What went wrong. */
export const failure = z.object({
  code: z.enum(codes),
  message: z.string().check(z.describe('For people: what was wrong, and what is allowed.')),
  retryable: z.boolean().check(z.describe('True if the same request may succeed later, unchanged.')),
  details: z.optional(z.record(z.string(), z.unknown()).check(z.describe('For programs; by code.'))),
});

/** The body of a request that failed; where it held several entries, with the outcome of each. */
export const failed = z.object({ error: failure, results: z.optional(z.array(z.unknown())) });

/**
 * The reply to a request of several entries, one result for each in their order: 200 if all were carried out, 207 if
 * some were, and the first one's failure if none was.
 */
export function replyOf(results: readonly unknown[], errors: readonly BrokerError[]): Reply {
  const [first] = errors;
  if (!first) return { status: 200, json: { results } };
  if (errors.length < results.length) return { status: 207, json: { results } };
  const { status, json } = errorResponse(first);
  return { status, json: { ...json, results } };
}
