import { createHmac, randomBytes } from 'node:crypto';
import { Admission } from '../model/admission.ts';
import { asBrokerError, BrokerError } from '../model/errors.ts';
import type { Store } from '../store/port.ts';
import { type Credentials, notAuthenticated } from './credentials.ts';
import { Grants } from './grants.ts';
import { hashing, isPassword, nobodysHash } from './password.ts';
import type { Principal } from './principal.ts';
import { parseRule, type Rule } from './rules.ts';
import { type TokenOptions, TokenVerifier } from './tokens.ts';
import { readUser, type User } from './users.ts';

export type AccessOptions = {
  readonly store: Store;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Whose tokens are taken. Undefined: none. */
  readonly tokens?: TokenOptions | undefined;
  /** Told of each password and token that is wrong. */
  readonly onRefused?: ((refused: Refused) => void) | undefined;
  /** Whether a WebSocket shows its credentials when it is opened, rather than in its CONNECT. Default: false. */
  readonly credentialsAtUpgrade?: boolean | undefined;
};

/** Wrong credentials. A name is told if it is that of a user: what else stands there may be a secret. */
export type Refused = { readonly by: Credentials['kind']; readonly user?: string };

/** For how long what was read of a user counts: so late, at most, does its change show. */
const USER_CACHE_MS = 5000;
/** For how long a password that was verified is not hashed again. */
const VERIFIED_MS = 60_000;
const ENTRIES_MAX = 10_000;

type Kept<T> = { readonly until: number; readonly value: T };

/** Decides who somebody is, and what they may do. */
export class Access {
  readonly #store: Store;
  readonly #now: () => number;
  readonly #tokens: TokenVerifier | undefined;
  readonly #onRefused: (refused: Refused) => void;
  /** See `AccessOptions`. */
  readonly credentialsAtUpgrade: boolean;
  readonly #admission = new Admission(hashing);
  /** Of this process alone: what is kept under it tells nobody a password, not even who reads the memory later. */
  readonly #secret = randomBytes(32);
  readonly #verified = new Map<string, Kept<Promise<User | undefined>>>();
  readonly #users = new Map<string, Kept<Promise<User | undefined>>>();
  readonly #rules = new Map<string, Kept<readonly Rule[]>>();

  constructor({ store, now, tokens, onRefused = () => {}, credentialsAtUpgrade = false }: AccessOptions) {
    this.credentialsAtUpgrade = credentialsAtUpgrade;
    this.#store = store;
    this.#now = now;
    this.#onRefused = onRefused;
    this.#tokens = tokens && new TokenVerifier(tokens);
  }

  get takesTokens(): boolean {
    return this.#tokens !== undefined;
  }

  /** @throws BrokerError UNAUTHENTICATED; UNAVAILABLE or OVERLOADED if it cannot be found out for now */
  async authenticate(credentials: Credentials | undefined): Promise<Principal> {
    if (!credentials) throw new BrokerError('UNAUTHENTICATED', 'Credentials are needed here.');
    if (credentials.kind === 'password') return await this.#authenticateUser(credentials.name, credentials.password);
    if (!this.#tokens) throw new BrokerError('UNAUTHENTICATED', 'Tokens are not taken here.');
    try {
      return await this.#tokens.verify(credentials.token, this.#now());
    } catch (error) {
      if (asBrokerError(error).code === 'UNAUTHENTICATED') this.#onRefused({ by: 'token' });
      throw error;
    }
  }

  async #authenticateUser(name: string, password: string): Promise<Principal> {
    const known = await this.#user(name);
    const digest = createHmac('sha256', this.#secret).update(`${name}:${known?.revision}:${password}`).digest('base64');
    const verified = await this.#keep(this.#verified, digest, VERIFIED_MS, () => this.#verify(known, password));
    if (!verified) {
      // A password that failed is not remembered.
      this.#verified.delete(digest);
      this.#onRefused({ by: 'password', ...(known && { user: name }) });
      throw notAuthenticated();
    }
    return { kind: 'user', name, revision: verified.revision };
  }

  /** One who is not there takes as long as one who is. */
  async #verify(user: User | undefined, password: string): Promise<User | undefined> {
    const isRight = await this.#admission.run(() => isPassword(password, user?.hash ?? nobodysHash));
    return user && isRight && !user.isDisabled ? user : undefined;
  }

  /**
   * What the principal may do now.
   * @throws BrokerError UNAUTHENTICATED if its token has expired, or the user is not as it was
   */
  async grantsOf(principal: Principal): Promise<Grants> {
    if (principal.kind === 'user') return this.#grantsOfUser(principal, await this.#user(principal.name));
    if (principal.until > this.#now()) return new Grants(this.#parsed(principal.rules));
    throw new BrokerError('UNAUTHENTICATED', 'The token has expired.');
  }

  /**
   * The same by what the directory says at this moment.
   * @throws BrokerError UNAUTHENTICATED
   */
  async confirm(principal: Principal): Promise<void> {
    if (principal.kind === 'user') this.forget(principal.name);
    await this.grantsOf(principal);
  }

  /** The user was changed: what was read of it before counts no more here. */
  forget(name: string): void {
    this.#users.delete(name);
  }

  #grantsOfUser(principal: Principal & { readonly kind: 'user' }, user: User | undefined): Grants {
    if (user && !user.isDisabled && user.revision === principal.revision) {
      return new Grants(this.#parsed(user.rules));
    }
    throw new BrokerError('UNAUTHENTICATED', 'The user was changed or removed: log in again.');
  }

  #user(name: string): Promise<User | undefined> {
    return this.#keep(this.#users, name, USER_CACHE_MS, () => readUser(this.#store, name));
  }

  #parsed(rules: readonly string[]): readonly Rule[] {
    const key = rules.join(' ');
    const kept = this.#rules.get(key);
    if (kept) return kept.value;
    const value = rules.map(parseRule);
    put(this.#rules, key, { until: Number.POSITIVE_INFINITY, value });
    return value;
  }

  /** Those who ask at once share one answer. A failure is not kept; that there is no such user is, as any answer. */
  #keep(
    cache: Map<string, Kept<Promise<User | undefined>>>,
    key: string,
    forMs: number,
    find: () => Promise<User | undefined>,
  ): Promise<User | undefined> {
    const now = this.#now();
    const kept = cache.get(key);
    if (kept && kept.until > now) return kept.value;
    const value = find();
    put(cache, key, { until: now + forMs, value });
    value.catch(() => {
      if (cache.get(key)?.value === value) cache.delete(key);
    });
    return value;
  }
}

/** The oldest goes when there are too many. */
function put<T>(cache: Map<string, T>, key: string, value: T): void {
  cache.delete(key);
  cache.set(key, value);
  if (cache.size <= ENTRIES_MAX) return;
  const [oldest] = cache.keys();
  if (oldest !== undefined) cache.delete(oldest);
}
