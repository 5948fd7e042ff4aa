import type { HonoRequest } from 'hono';
import type * as z from 'zod/mini';
import type { Grants } from '../access/grants.ts';
import type { Right } from '../access/rules.ts';
import type { Caller } from '../model/caller.ts';
import { parseDestination } from '../model/destination.ts';
import { BrokerError } from '../model/errors.ts';
import type { Limits } from '../model/limits.ts';

/** A request to a route. */
export type Call = {
  readonly request: HonoRequest;
  /** What stands for `{name}` in the path, checked; empty where the path has no name. */
  readonly name: string;
  /** Who sends it, as the audit names it. */
  readonly by: string;
  /** What its sender may do; undefined where everybody may do everything. */
  readonly grants: Grants | undefined;
  /** Undefined where nobody can know whether he still waits, as behind API Gateway. */
  readonly caller: Caller | undefined;
};

/** What a route answers; 204 has no body. */
export type Reply = {
  readonly status: number;
  readonly json?: unknown;
  /** What the audit says was changed, where the path does not name it. */
  readonly what?: string;
};

/** Schemas by the names that the description gives them. Where there are several, any of them will do. */
export type Schemas = Readonly<Record<string, z.core.$ZodType>>;

/** One operation of the interface: what serves it, and what describes it. */
export type Route = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** With `{name}` for the name of a queue or topic, which may hold slashes. */
  readonly path: string;
  /** Its name in the description, unique. */
  readonly operation: string;
  readonly summary: string;
  /**
   * Who may ask: whoever has this right to the queue in the path; whoever is known, where the route looks at the rules
   * itself; or everybody.
   */
  readonly needs: Right | 'credentials' | 'nothing';
  /** Reads the `{name}` of the path, which may be something else. Default: as the name of a queue. */
  readonly readName?: (written: string) => string;
  readonly query?: z.ZodMiniObject;
  /** The request's body, by media type. */
  readonly body?: { readonly required: boolean; readonly types: Readonly<Record<string, Schemas>> };
  /** What it answers where it does not fail, by status. */
  readonly replies: Readonly<Record<number, { readonly description: string; readonly schemas?: Schemas }>>;
  /** What the audit calls it where it changes what is not the caller's own: `queue purged`. */
  readonly audited?: string;
  readonly handle: (call: Call) => Promise<Reply>;
};

/** Where a path leads: the routes there, one for each method, and the name in the path as it was written. */
type Match = { readonly routes: readonly Route[]; readonly name: string };

/** Finds the routes of a path, of which the first that fits counts: those with a suffix come before those without. */
export function routeFinder(routes: readonly Route[]): (path: string) => Match | undefined {
  const byPath = [...Map.groupBy(routes, (route) => route.path)].map(([path, group]) => ({
    pattern: new RegExp(`^${path.replaceAll('.', '\\.').replace('{name}', '(.+)')}$`),
    group,
  }));
  return (path) => {
    for (const { pattern, group } of byPath) {
      const found = pattern.exec(path);
      if (found) return { routes: group, name: found[1] ?? '' };
    }
    return undefined;
  };
}

/**
 * The name of a queue or topic in a path, percent-encoded or plain.
 * @throws BrokerError INVALID_DESTINATION
 */
export function queueNamed(written: string, limits: Limits): string {
  const name = decodePercent(written);
  if (!name.startsWith('/')) return parseDestination(name, limits).name;
  throw invalidName(written, 'it begins with a slash; here a queue or topic goes by its bare name');
}

export function decodePercent(written: string): string {
  try {
    return decodeURIComponent(written);
  } catch {
    throw invalidName(written, 'its percent-encoding is not of UTF-8');
  }
}

function invalidName(written: string, why: string): BrokerError {
  return new BrokerError('INVALID_DESTINATION', `The name "${written.slice(0, 64)}" is not valid: ${why}.`);
}
