import type { Context } from 'hono';
import type { Access } from '../access/access.ts';
import { readAuthorization } from '../access/credentials.ts';
import type { Grants } from '../access/grants.ts';
import type { BrokerError } from '../model/errors.ts';

/** Who may ask for what. */
export type Gate = {
  readonly access: Access;
  /** Changes a user, and ends the sessions that it had before. */
  readonly revoking: <T>(user: string, change: () => Promise<T>) => Promise<T>;
};

const REALM = 'CirrusMQ';

/** After how many seconds to try again what may succeed later. */
const RETRY_AFTER_SECONDS = 1;

/** Who sends a request, as the audit names it, and what he may do. */
type KnownCaller = { readonly by: string; readonly grants: Grants | undefined };

/** Where everybody may do everything, or asks for what is nobody's. */
export const nobody: KnownCaller = { by: 'anybody', grants: undefined };

/** @throws BrokerError UNAUTHENTICATED; OVERLOADED, UNAVAILABLE if it cannot be found out for now */
export async function callerOf({ access }: Gate, { req }: Context): Promise<KnownCaller> {
  const principal = await access.authenticate(readAuthorization(req.header('authorization')));
  return { by: `${principal.kind} ${principal.name}`, grants: await access.grantsOf(principal) };
}

/**
 * What a refusal tells of what to do: when to try again, or how to show credentials, tokens too where some are taken.
 * @see RFC 9110 §10.2.3 Retry-After, §11.6.1 WWW-Authenticate
 */
export function hintsOf({ code, retryable }: BrokerError, access: Access | undefined): Record<string, string> {
  if (retryable) return { 'retry-after': String(RETRY_AFTER_SECONDS) };
  if (code !== 'UNAUTHENTICATED') return {};
  const basic = `Basic realm="${REALM}", charset="UTF-8"`;
  return { 'www-authenticate': access?.takesTokens ? `${basic}, Bearer realm="${REALM}"` : basic };
}
