import { BrokerError } from '../model/errors.ts';
import { pack, unpack } from '../shard/codec/packing.ts';
import type { Store } from '../store/port.ts';
import { checkNewPassword, checkUserName } from './credentials.ts';
import { hashPassword, isPassword } from './password.ts';
import { parseRule, RULES_MAX } from './rules.ts';

/** A user as the directory has it. */
export type User = {
  readonly name: string;
  /** See `hashPassword`. */
  readonly hash: string;
  /** As `parseRule` reads them. */
  readonly rules: readonly string[];
  readonly isDisabled: boolean;
  /** Another after each change. */
  readonly revision: string;
};

/** What is to be of a user; what is undefined stays as it is. */
export type UserChange = {
  readonly password?: string | undefined;
  readonly rules?: readonly string[] | undefined;
  readonly isDisabled?: boolean | undefined;
};

const family = 'users';

export async function readUser(store: Store, name: string): Promise<User | undefined> {
  const bytes = await store.getRecord({ family, name });
  return bytes && decode(name, bytes);
}

/** Users in the order of their names, after the name `after`; at most `limit`. */
export async function listUsers(store: Store, after: string, limit: number): Promise<User[]> {
  const records = await store.listRecords(family, after, limit);
  return records.map(({ name, value }) => decode(name, value));
}

/**
 * Changes a user, or makes one. Sessions of before end: see `lib/handlers/eviction.ts`.
 * @param revision fresh
 * @throws BrokerError INVALID_REQUEST for a name, a password or a rule that is none, or a new user without a password
 */
export async function changeUser(store: Store, name: string, change: UserChange, revision: string): Promise<User> {
  checkUserName(name);
  if (change.password !== undefined) checkNewPassword(change.password);
  checkRules(change.rules ?? []);
  const hash = change.password === undefined ? undefined : await hashPassword(change.password);
  let bytes = await store.getRecord({ family, name });
  for (;;) {
    const user = changed(name, bytes && decode(name, bytes), { ...change, hash }, revision);
    const outcome = await store.putRecord({ family, name }, encode(user), { expected: bytes ?? null });
    if (outcome.kind === 'stored') return user;
    bytes = outcome.current;
  }
}

function checkRules(rules: readonly string[]): void {
  if (rules.length > RULES_MAX) {
    throw new BrokerError('INVALID_REQUEST', `There are ${rules.length} rules; a user may have ${RULES_MAX}.`);
  }
  for (const rule of rules) parseRule(rule);
}

function changed(
  name: string,
  before: User | undefined,
  { hash = before?.hash, rules, isDisabled }: UserChange & { readonly hash: string | undefined },
  revision: string,
): User {
  if (hash === undefined)
    throw new BrokerError('INVALID_REQUEST', `There is no user "${name}": a new one needs a password.`);
  return {
    name,
    hash,
    rules: rules ?? before?.rules ?? [],
    isDisabled: isDisabled ?? before?.isDisabled ?? false,
    revision,
  };
}

/** @throws BrokerError NOT_FOUND */
export async function removeUser(store: Store, name: string): Promise<void> {
  if (!(await store.getRecord({ family, name }))) throw noUser(name);
  await store.deleteRecord({ family, name });
}

export function noUser(name: string): BrokerError {
  return new BrokerError('NOT_FOUND', `There is no user "${name.slice(0, 64)}".`);
}

/** Sees to it that there is this administrator of everything; one who is as it should be stays as it is. */
export async function ensureAdministrator(
  store: Store,
  name: string,
  password: string,
  revision: string,
): Promise<void> {
  const rules = ['read,write,admin:>'];
  const user = await readUser(store, name);
  const isSame = user && !user.isDisabled && user.rules.join() === rules.join();
  if (isSame && (await isPassword(password, user.hash))) return;
  await changeUser(store, name, { password, rules, isDisabled: false }, revision);
}

function encode({ hash, rules, isDisabled, revision }: User): Uint8Array {
  return pack([hash, rules, isDisabled, revision]);
}

function decode(name: string, bytes: Uint8Array): User {
  return unpack('user record', bytes, (value) => {
    const [hash, rules, isDisabled, revision] = value as [string, string[], boolean, string];
    return { name, hash, rules, isDisabled, revision };
  });
}
