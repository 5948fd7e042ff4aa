import type { Prng } from '../simulation/prng.ts';
import { type Document, resolve, type Schema } from './openapi-document.ts';

/** A queue's waits are real: a valid one is kept short. */
const SHORT_SECONDS = 0.02;

/** A value as a schema wants it. @param tokens what may stand for a token */
export function valid(document: Document, schema: Schema, prng: Prng, tokens: readonly string[], name = ''): unknown {
  const {
    type,
    anyOf,
    properties = {},
    required = [],
    items,
    additionalProperties,
    ...rest
  } = resolve(document, schema);
  if ('const' in rest) return rest.const;
  if (rest.enum) return rest.enum[prng.between(0, rest.enum.length - 1)];
  if (anyOf) return valid(document, anyOf[prng.between(0, anyOf.length - 1)] ?? {}, prng, tokens, name);
  switch (type) {
    case 'object': {
      const chosen = Object.entries(properties).filter(([key]) => required.includes(key) || prng.chance(0.4));
      const own = chosen.map(([key, of]) => [key, valid(document, of, prng, tokens, key)]);
      const extra = additionalProperties ? [[`k${prng.between(0, 9)}`, 'v']] : [];
      return Object.fromEntries([...own, ...extra]);
    }
    case 'array':
      return Array.from({ length: prng.between(rest.minItems ?? 0, 4) }, () =>
        name === 'tokens' && prng.chance(0.7)
          ? (tokens[prng.between(0, tokens.length - 1)] ?? '')
          : valid(document, items ?? {}, prng, tokens, name),
      );
    case 'integer':
    case 'number':
      if (name === 'waitSeconds') return SHORT_SECONDS;
      return prng.between(Math.max(rest.minimum ?? 0, -1000), Math.min(rest.maximum ?? 1000, 1e12));
    case 'boolean':
      return prng.chance(0.5);
    default:
      return prng.pick(['', 'text', 'ünïcode \u{1f600}', 'YWJj', 'x'.repeat(prng.between(0, 2_000))]);
  }
}

const oddities: readonly [unknown, ...unknown[]] = [
  null,
  true,
  -1,
  0.5,
  1e308,
  -1e308,
  2 ** 53,
  1e20,
  '',
  '\ud800',
  '\0',
  'a\nb',
  'x'.repeat(20_000),
  '9'.repeat(400),
  [],
  {},
  [[[[[[]]]]]],
  { constructor: 1, toString: null },
  Array.from({ length: 2_000 }, () => 0),
];

/** The value with something odd at a place of it. */
export function mutated(value: unknown, prng: Prng): unknown {
  if (prng.chance(0.3) || typeof value !== 'object' || value === null) return prng.pick(oddities);
  if (Array.isArray(value)) {
    const at = prng.between(0, value.length);
    return [...value.slice(0, at), mutated(value[at], prng), ...value.slice(at + 1)];
  }
  const entries = Object.entries(value);
  if (entries.length === 0 || prng.chance(0.2))
    return { ...value, [prng.pick(['x', '__proto__', '', 'body'])]: prng.pick(oddities) };
  const [key, inner] = entries[prng.between(0, entries.length - 1)] ?? ['', undefined];
  if (prng.chance(0.2)) return Object.fromEntries(entries.filter(([other]) => other !== key));
  // A wait that is allowed would hold the fuzzer up.
  return { ...value, [key]: key === 'waitSeconds' ? prng.pick([-1, 1e9, 'soon', null, []]) : mutated(inner, prng) };
}
