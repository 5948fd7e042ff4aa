import { BrokerError } from '../model/errors.ts';
import type { TokenOptions } from './tokens.ts';

/** What an environment says of access; all of it is public. */
export type AccessSettings = {
  readonly tokens: TokenOptions | undefined;
  /** See `AccessOptions.credentialsAtUpgrade`. */
  readonly credentialsAtUpgrade: boolean;
};

/**
 * Reads the environment of a function: closed unless `ACCESS` is `open`, which is undefined here. Tokens are taken
 * where `JWT_ISSUER` and `JWT_AUDIENCE` are named; `JWT_JWKS_URI` and `JWT_CLAIM` may say more. A WebSocket needs
 * credentials to be opened where `CREDENTIALS_AT_UPGRADE` is `true`.
 * @throws BrokerError UNAVAILABLE for what is neither
 */
export function readAccessSettings(env: Readonly<Record<string, string | undefined>>): AccessSettings | undefined {
  const { ACCESS = 'closed', CREDENTIALS_AT_UPGRADE, JWT_ISSUER, JWT_AUDIENCE, JWT_JWKS_URI, JWT_CLAIM } = env;
  if (ACCESS === 'open') return undefined;
  if (ACCESS !== 'closed') throw new BrokerError('UNAVAILABLE', `ACCESS is open or closed, not "${ACCESS}".`);
  const credentialsAtUpgrade = CREDENTIALS_AT_UPGRADE === 'true';
  if (!JWT_ISSUER) return { tokens: undefined, credentialsAtUpgrade };
  if (!JWT_AUDIENCE) throw new BrokerError('UNAVAILABLE', 'JWT_ISSUER is named, and JWT_AUDIENCE is not.');
  const jwksUri = JWT_JWKS_URI || undefined;
  const tokens = { issuer: JWT_ISSUER, audience: JWT_AUDIENCE, jwksUri, claim: JWT_CLAIM || undefined };
  return { tokens, credentialsAtUpgrade };
}
