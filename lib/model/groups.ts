import { deadLetterSource } from './destination.ts';
import { BrokerError } from './errors.ts';
import { parsePattern } from './pattern.ts';

/** The group of destinations that nothing else was said about. */
export const DEFAULT_GROUP = 'default';

/** Destinations that share a table, a limit and a fate. */
export type DestinationGroup = {
  /** 1 to 32 of a-z, 0-9 and -, beginning with a letter: it is part of a table's name. */
  readonly name: string;
  /**
   * Which new destinations go to it, as patterns: `/queue/orders.>`. With none, the group is being given up: it keeps
   * its table, and what lives there, until that is moved.
   */
  readonly destinations: readonly string[];
};

/** Which group a new shard goes to. One that exists stays in the group that it was created in, or moved to. */
export type Grouping = { readonly names: readonly string[]; readonly groupOf: (shard: string) => string };

const groupName = /^[a-z][a-z0-9-]{0,31}$/;

/**
 * Groups destinations. Of several groups that a destination matches, the first has it; what none matches belongs to
 * `default`. A dead-letter queue belongs to its queue's group.
 * @throws BrokerError INVALID_REQUEST for a name that is not valid or occurs twice;
 * INVALID_DESTINATION for a pattern that is not valid
 */
export function groupDestinations(groups: readonly DestinationGroup[]): Grouping {
  const names = [DEFAULT_GROUP];
  const rules = groups.map(({ name, destinations }) => {
    if (!groupName.test(name)) throw invalid(name, 'its name is 1 to 32 of a-z, 0-9 and -, beginning with a letter');
    if (names.includes(name)) throw invalid(name, `there is one of this name already; "${DEFAULT_GROUP}" always is`);
    names.push(name);
    return { name, patterns: destinations.map(parsePattern) };
  });
  const groupOf = (shard: string) => {
    const source = deadLetterSource(shard);
    return rules.find(({ patterns }) => patterns.some(({ matches }) => matches(source)))?.name ?? DEFAULT_GROUP;
  };
  return { names, groupOf };
}

/**
 * Reads groups as they are written in an environment variable: a JSON list of `{name, destinations}`; empty is none.
 * @throws BrokerError as `groupDestinations` does, and INVALID_REQUEST for what is no such list
 */
export function readGroups(text: string | undefined): readonly DestinationGroup[] {
  if (!text) return [];
  const groups = parseJson(text);
  if (Array.isArray(groups) && groups.every(isGroup)) return groups;
  throw new BrokerError(
    'INVALID_REQUEST',
    'Destination groups are a JSON list of {"name":"orders","destinations":["/queue/orders.>"]}.',
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isGroup(value: unknown): value is DestinationGroup {
  const { name, destinations } = (value ?? {}) as Partial<Record<keyof DestinationGroup, unknown>>;
  return (
    typeof name === 'string' && Array.isArray(destinations) && destinations.every((each) => typeof each === 'string')
  );
}

function invalid(name: string, why: string): BrokerError {
  return new BrokerError('INVALID_REQUEST', `The destination group "${name.slice(0, 64)}" is not valid: ${why}.`);
}
