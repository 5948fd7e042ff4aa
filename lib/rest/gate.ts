import type { Context } from 'hono';
import type { Access } from '../access/access.ts';
import { notAuthenticated, readAuthorization } from '../access/credentials.ts';
import type { Grants } from '../access/grants.ts';
import { readPrincipal } from '../access/principal.ts';

/** Who may ask for what. */
export type Gate = {
  readonly access: Access;
  /** Changes a user, and ends the sessions that it had before. */
  readonly revoking: <T>(user: string, change: () => Promise<T>) => Promise<T>;
};

/** What API Gateway hands on of its authorizer. @see the HTTP API's payload format 2.0 */
type GatewayEnv = {
  readonly event?: {
    readonly requestContext?: {
      readonly authorizer?: { readonly lambda?: { readonly principal?: string; readonly refused?: string } | null };
    };
  };
};

const REALM = 'CirrusMQ';

/**
 * What the sender of a request may do. Where an authorizer found out who it is, that is not done again.
 * @throws BrokerError UNAUTHENTICATED
 */
export async function grantsOf({ access }: Gate, c: Context): Promise<Grants> {
  const found = (c.env as GatewayEnv | undefined)?.event?.requestContext?.authorizer?.lambda;
  if (found?.refused) throw notAuthenticated();
  const principal = found?.principal
    ? readPrincipal(found.principal)
    : await access.authenticate(readAuthorization(c.req.header('authorization')));
  return await access.grantsOf(principal);
}

/** @see RFC 9110 §11.6.1 WWW-Authenticate */
export function challengesOf(gate: Gate | undefined): string {
  const basic = `Basic realm="${REALM}", charset="UTF-8"`;
  return gate?.access.takesTokens ? `${basic}, Bearer realm="${REALM}"` : basic;
}
