import { BrokerError } from '../model/errors.ts';
import { EVERYTHING, type Pattern, parsePattern } from '../model/pattern.ts';

/**
 * What may be done with a destination. `read`: subscribe, receive, browse and acknowledge. `write`: send. `admin`:
 * list, describe, create, purge and delete. Sending and subscribing create a destination, too.
 */
export type Right = 'read' | 'write' | 'admin';

/** These rights, on the destinations that the pattern means. */
export type Rule = { readonly rights: readonly Right[]; readonly pattern: Pattern };

const rights: readonly string[] = ['read', 'write', 'admin'] satisfies Right[];

/** What one principal may have, so that a record and an authorizer's answer stay small. */
export const RULES_MAX = 64;
const RULE_BYTES = 512;

/**
 * Reads a rule as it is written: `read:/queue/orders`, `read,write:/queue/orders.>`, `read,write,admin:>`.
 * @throws BrokerError INVALID_REQUEST, naming what is wrong and what is allowed
 */
export function parseRule(text: string): Rule {
  const colon = text.indexOf(':');
  const named = text.slice(0, Math.max(0, colon)).split(',');
  if (colon === -1 || !named.every((right) => rights.includes(right))) {
    throw invalidRule(
      text,
      'it is rights and a pattern, as in "read,write:/queue/orders.>"; rights are read, write, admin',
    );
  }
  if (Buffer.byteLength(text) > RULE_BYTES) throw invalidRule(text, `it is longer than ${RULE_BYTES} octets`);
  try {
    return { rights: named as Right[], pattern: parsePattern(text.slice(colon + 1)) };
  } catch (error) {
    throw invalidRule(text, error instanceof Error ? error.message : '');
  }
}

function invalidRule(text: string, why: string): BrokerError {
  return new BrokerError('INVALID_REQUEST', `The rule "${text.slice(0, 64)}" is not valid: ${why}.`);
}

/**
 * The rules of a token's claim: a list of them, or one text with spaces between them, as in OAuth's `scope`. What is no
 * rule is another service's word, and allows nothing here.
 * @throws BrokerError UNAUTHENTICATED for more rules than a principal can have
 */
export function rulesInClaim(claim: unknown): string[] {
  const words: unknown[] = typeof claim === 'string' ? claim.split(' ') : Array.isArray(claim) ? claim : [];
  const found = words.filter((word): word is string => typeof word === 'string' && isRule(word));
  if (found.length <= RULES_MAX) return found;
  throw new BrokerError('UNAUTHENTICATED', `The token bears ${found.length} rules; ${RULES_MAX} are the most.`);
}

function isRule(text: string): boolean {
  try {
    parseRule(text);
    return true;
  } catch {
    return false;
  }
}

/** Whether one of the rules gives the right. @param destination as `formatDestination` writes it */
export function allows(rules: readonly Rule[], right: Right, destination: string): boolean {
  return rules.some((rule) => rule.rights.includes(right) && rule.pattern.matches(destination));
}

/** Whether one of the rules gives the right to everything there is, which a pattern for some kind does not. */
export function allowsEverything(rules: readonly Rule[], right: Right): boolean {
  return rules.some((rule) => rule.rights.includes(right) && rule.pattern.text === EVERYTHING);
}
