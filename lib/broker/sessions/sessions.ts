import type { Principal } from '../../access/principal.ts';
import { readUser } from '../../access/users.ts';
import { asBrokerError } from '../../model/errors.ts';
import type { DirectoryRecord, RecordKey } from '../../store/port.ts';
import type { Broker } from '../broker.ts';

/**
 * Which connections end with their credentials, as records in the directory: a user's by its name, a token's by the
 * time at which it expires. A process that dies on the way leaves both where the sweep finds them.
 */
const DAY_S = 24 * 60 * 60;
const PAGE = 100;
/** A revocation is noted before the user is changed, which may be yet to come: it is looked at again until then. */
const SETTLED_MS = 60_000;
/** Times are compared as texts, in milliseconds since the epoch. */
const TIME_DIGITS = 15;

const expiring = 'session expiries';
const revoked = 'revocations';

function keyOf(connection: string, principal: Principal) {
  if (principal.kind === 'user') return { family: `session of ${principal.name}`, name: connection };
  return { family: expiring, name: `${String(principal.until).padStart(TIME_DIGITS, '0')} ${connection}` };
}

/** To be called before the session begins, and before its principal is confirmed: so no revocation misses it. */
export async function recordSession(broker: Broker, connection: string, principal: Principal): Promise<void> {
  const value = Buffer.from(principal.kind === 'user' ? principal.revision : '');
  const expiresAt = Math.floor(broker.clock.now() / 1000) + DAY_S;
  await broker.store.putRecord(keyOf(connection, principal), value, { expiresAt });
}

export async function forgetSession(broker: Broker, connection: string, principal: Principal): Promise<void> {
  await broker.store.deleteRecord(keyOf(connection, principal));
}

/** Notes, before the user is changed, that its sessions are to end. */
export async function noteRevocation(broker: Broker, user: string): Promise<void> {
  const at = Buffer.from(String(broker.clock.now()));
  await broker.store.putRecord({ family: revoked, name: user }, at);
}

type End = (connection: string) => Promise<void>;

/**
 * Ends the sessions that began before the user became as it is.
 * @returns false if one of them could not be ended for now
 */
export async function endRevokedSessions(broker: Broker, user: string, end: End): Promise<boolean> {
  const current = await readUser(broker.store, user);
  const valid = current && !current.isDisabled ? current.revision : undefined;
  const family = `session of ${user}`;
  let isDone = true;
  for await (const page of pagesOf(broker, family)) {
    const over = page.filter(({ value }) => Buffer.from(value).toString() !== valid);
    const ended = await Promise.all(over.map(({ name }) => endOne(broker, { family, name }, () => end(name))));
    isDone &&= !ended.includes(false);
  }
  return isDone;
}

/** Ends the sessions whose token has expired. */
export async function endExpiredSessions(broker: Broker, end: End): Promise<void> {
  const now = broker.clock.date();
  for await (const page of pagesOf(broker, expiring)) {
    const over = page.filter(({ name }) => Number(name.slice(0, TIME_DIGITS)) <= now);
    const endNamed = (name: string) => end(name.slice(TIME_DIGITS + 1));
    await Promise.all(over.map(({ name }) => endOne(broker, { family: expiring, name }, () => endNamed(name))));
    if (over.length < page.length) return;
  }
}

/** Goes through the revocations that are noted: one of them may have been cut short. */
export async function sweepRevocations(broker: Broker, end: End): Promise<void> {
  for await (const page of pagesOf(broker, revoked)) {
    for (const noted of page) await sweepRevocation(broker, noted, end);
  }
}

/** The note stays until all is done; one user whose record cannot be read does not keep the others. */
async function sweepRevocation(broker: Broker, { name, value }: DirectoryRecord, end: End): Promise<void> {
  try {
    const notedAt = Number(Buffer.from(value).toString());
    const isDone = await endRevokedSessions(broker, name, end);
    const isSettled = broker.clock.now() - notedAt > SETTLED_MS;
    if (isDone && isSettled) await broker.store.deleteRecord({ family: revoked, name });
  } catch (error) {
    logUnended(broker, error);
  }
}

/** One that cannot be ended for now keeps its record, and does not keep the others. @returns false for such a one */
async function endOne(broker: Broker, key: RecordKey, end: () => Promise<void>): Promise<boolean> {
  try {
    await end();
    await broker.store.deleteRecord(key);
    return true;
  } catch (error) {
    logUnended(broker, error);
    return false;
  }
}

function logUnended(broker: Broker, error: unknown): void {
  const failure = asBrokerError(error);
  broker.log('session not ended', { code: failure.code }, failure);
}

/** A page is ended at once: one connection that reads slowly does not put off the end of the others. */
async function* pagesOf({ store }: Broker, family: string): AsyncGenerator<readonly DirectoryRecord[]> {
  for (let after: string | undefined = ''; after !== undefined; ) {
    const page: readonly DirectoryRecord[] = await store.listRecords(family, after, PAGE);
    yield page;
    after = page.length === PAGE ? page.at(-1)?.name : undefined;
  }
}
