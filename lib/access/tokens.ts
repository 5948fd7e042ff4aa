import type { JSONWebKeySet, JWTVerifyGetKey } from 'jose';
import { BrokerError } from '../model/errors.ts';
import type { Principal } from './principal.ts';
import { rulesInClaim } from './rules.ts';

/** Whose tokens are taken. All of it is public. */
export type TokenOptions = {
  /** The token's `iss`: an address where OpenID Connect's discovery is found, unless keys are given otherwise. */
  readonly issuer: string;
  /** One of the token's `aud`. */
  readonly audience: string;
  /** Where the issuer's keys are, if not where its discovery says. */
  readonly jwksUri?: string | undefined;
  /** The issuer's public keys, in place of an address. */
  readonly keys?: JSONWebKeySet | undefined;
  /** The claim that holds the rules. Default `cirrusmq`. */
  readonly claim?: string | undefined;
};

/** Signed by a private key that only the issuer has; `none` and shared secrets are not among them. */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];

/** How far the issuer's clock may differ. */
const TOLERANCE_S = 5;
const FETCH_MS = 5000;
const NAME_MAX = 256;

/** Verifies JSON Web Tokens of one issuer. The library that does it is loaded with the first of them. */
export class TokenVerifier {
  readonly #options: TokenOptions;
  #keys: Promise<JWTVerifyGetKey> | undefined;

  constructor(options: TokenOptions) {
    this.#options = options;
  }

  /**
   * @param now milliseconds since the epoch
   * @throws BrokerError UNAUTHENTICATED, saying why; UNAVAILABLE if the issuer's keys cannot be had
   */
  async verify(token: string, now: number): Promise<Principal> {
    const { issuer, audience, claim = 'cirrusmq' } = this.#options;
    const { jwtVerify } = await import('jose');
    const keys = await this.#keysOfIssuer();
    const required = ['sub', 'exp'];
    const { payload } = await jwtVerify(token, keys, {
      issuer,
      audience,
      algorithms,
      requiredClaims: required,
      clockTolerance: TOLERANCE_S,
      currentDate: new Date(now),
    }).catch(refuse);
    const { sub = '', exp = 0 } = payload;
    if (typeof sub !== 'string' || sub === '') throw notTaken('its subject is none');
    return {
      kind: 'token',
      name: sub.slice(0, NAME_MAX),
      rules: rulesInClaim(payload[claim]),
      until: (exp + TOLERANCE_S) * 1000,
    };
  }

  #keysOfIssuer(): Promise<JWTVerifyGetKey> {
    this.#keys ??= this.#findKeys().catch((error: unknown) => {
      this.#keys = undefined;
      throw error;
    });
    return this.#keys;
  }

  async #findKeys(): Promise<JWTVerifyGetKey> {
    const { issuer, jwksUri, keys } = this.#options;
    const { createLocalJWKSet, createRemoteJWKSet } = await import('jose');
    if (keys) return createLocalJWKSet(keys);
    return createRemoteJWKSet(checkedAddress(jwksUri ?? (await discover(issuer))), { timeoutDuration: FETCH_MS });
  }
}

/** @see OpenID Connect Discovery 1.0 §4 */
async function discover(issuer: string): Promise<string> {
  const address = checkedAddress(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
  try {
    const response = await fetch(address, { redirect: 'error', signal: AbortSignal.timeout(FETCH_MS) });
    const found = (await response.json()) as { readonly issuer?: unknown; readonly jwks_uri?: unknown };
    if (response.ok && found.issuer === issuer && typeof found.jwks_uri === 'string') return found.jwks_uri;
  } catch (cause) {
    throw noKeys(cause);
  }
  throw noKeys(undefined);
}

/** Keys that came unencrypted may be anybody's; on loopback nobody is between. */
function checkedAddress(text: string): URL {
  const address = URL.canParse(text) ? new URL(text) : undefined;
  if (address?.protocol === 'https:') return address;
  if (address?.protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(address.hostname)) return address;
  throw new BrokerError('UNAVAILABLE', "The address of the issuer's keys is no https:// URL.");
}

function noKeys(cause: unknown): BrokerError {
  return new BrokerError('UNAVAILABLE', "The keys of the tokens' issuer cannot be had.", { cause });
}

/** Codes of jose: what is wrong with a token its bearer may know, since it is the bearer's. */
const reasons: Readonly<Record<string, string>> = {
  ERR_JWT_EXPIRED: 'it has expired',
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: 'its signature is not valid',
  ERR_JWKS_NO_MATCHING_KEY: 'none of the keys of the issuer signed it',
  ERR_JWKS_MULTIPLE_MATCHING_KEYS: 'it does not say which key signed it',
  ERR_JOSE_ALG_NOT_ALLOWED: 'its algorithm is not allowed',
};

function refuse(cause: unknown): never {
  const { code, claim } = cause as { readonly code?: unknown; readonly claim?: unknown };
  const found = typeof code === 'string' ? code : '';
  if (found === 'ERR_JWT_CLAIM_VALIDATION_FAILED') throw notTaken(`its claim "${claim}" is not as it should be`);
  const reason = reasons[found];
  if (reason !== undefined) throw notTaken(reason);
  // What is left is of the token (ERR_JWS_, ERR_JWT_), or of the way to the keys.
  if (/^ERR_J(WS|WT|OSE_NOT)/.test(found)) throw notTaken('it is no signed JSON Web Token');
  throw noKeys(cause);
}

function notTaken(why: string): BrokerError {
  return new BrokerError('UNAUTHENTICATED', `The token is not taken: ${why}.`);
}
