import * as z from 'zod/mini';
import { BrokerError } from '../model/errors.ts';

/** How many of a request's violations its refusal names. */
const SHOWN = 5;

/** An object that may have these fields and no others: a name that is misspelt is refused, not ignored. */
export function fields<Shape extends z.core.$ZodShape>(shape: Shape) {
  const allowed = Object.keys(shape).join(', ');
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return undefined;
      return `has no field "${String(issue.keys[0]).slice(0, 64)}"; its fields are ${allowed}`;
    },
  });
}

/**
 * The value, if it is as the schema says.
 * @param whole what to call the value itself, e.g. "The request"
 * @param object what to call an object
 * @throws BrokerError INVALID_REQUEST, naming each path that is wrong and what is allowed there
 */
export function check<S extends z.core.$ZodType>(
  schema: S,
  value: unknown,
  whole: string,
  object = 'a JSON object',
): z.output<S> {
  const result = z.safeParse(schema, value);
  if (result.success) return result.data;
  const violations = result.error.issues
    .flatMap(innermost)
    .slice(0, SHOWN)
    .map((issue) => ({
      path: pathOf(issue.path),
      message: ruleOf(issue, value, object),
    }));
  const texts = violations.map(({ path, message }) => `${path || whole} ${message}`);
  throw new BrokerError('INVALID_REQUEST', `${texts.join('; ')}.`, { details: { violations } });
}

/** Where a value is of one of the kinds that are allowed, what is wrong inside it. */
function innermost(issue: z.core.$ZodIssue): readonly z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const inside = issue.errors.find((branch) => branch.length > 0 && branch.every(({ path }) => path.length > 0));
  return inside?.flatMap((inner) => innermost({ ...inner, path: [...issue.path, ...inner.path] })) ?? [issue];
}

/** `messages[2].priority` */
function pathOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    return text === '' ? String(key) : `${text}.${String(key).slice(0, 64)}`;
  }, '');
}

function ruleOf(issue: z.core.$ZodIssue, value: unknown, object: string): string {
  switch (issue.code) {
    case 'invalid_type': {
      const type = issue.expected === 'object' || issue.expected === 'record' ? object : typeNames[issue.expected];
      return `${at(value, issue.path) === undefined ? 'is missing: it' : ''} must be ${type ?? issue.expected}`.trim();
    }
    case 'invalid_value':
      return `must be ${issue.values.map((allowed) => JSON.stringify(allowed)).join(' or ')}`;
    case 'too_small':
      return `must ${measure(issue.origin)} at least ${issue.minimum}${unitOf(issue.origin)}`;
    case 'too_big':
      return `must ${measure(issue.origin)} at most ${issue.maximum}${unitOf(issue.origin)}`;
    default:
      return issue.message;
  }
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'an array',
};

function measure(origin: string): string {
  return origin === 'array' || origin === 'string' ? 'have' : 'be';
}

function unitOf(origin: string): string {
  if (origin === 'array') return ' entries';
  return origin === 'string' ? ' characters' : '';
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((part, key) => (part as Record<PropertyKey, unknown> | undefined)?.[key], value);
}
