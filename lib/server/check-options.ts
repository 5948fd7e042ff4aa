import * as z from 'zod/mini';
import { BrokerError } from '../model/errors.ts';
import { check } from '../rest/check.ts';
import { type BrokerOptions, portsOf } from './options.ts';

const PORT_MAX = 65_535;
/** A timer of more than this runs out at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;

const text = z.string().check(z.minLength(1));
const port = z.int().check(z.gte(0), z.lte(PORT_MAX));
const share = z.number().check(z.gte(0), z.lte(1));
const whole = z.int().check(z.gte(0));
const time = z.int().check(z.gte(0), z.lte(TIMER_MAX_MS));
const callback = z.custom((value) => typeof value === 'function', 'must be a function');
const anObject = z.custom((value) => typeof value === 'object' && value !== null, 'must be an object');

/** What may be left out, or be undefined; one that is misspelt is refused. */
function options<Shape extends Readonly<Record<string, z.ZodMiniType>>>(required: Shape, optional: Shape) {
  const others = Object.fromEntries(Object.entries(optional).map(([name, type]) => [name, z.optional(type)]));
  const allowed = [...Object.keys(required), ...Object.keys(optional)].join(', ');
  return z.strictObject(
    { ...required, ...others },
    {
      error: (issue) => {
        if (issue.code !== 'unrecognized_keys') return undefined;
        return `has no option "${String(issue.keys[0]).slice(0, 64)}"; there are ${allowed}`;
      },
    },
  );
}

const strictOptions = options(
  {},
  {
    seed: whole,
    lifetimeMs: time,
    idleMs: time,
    integrationMs: time,
    shuffleMs: time,
    postsPerSecond: whole,
    connectsPerSecond: whole,
    refusedPosts: share,
    unknownPosts: share,
    lostDisconnects: share,
  },
);

const tokens = options({ issuer: text, audience: text }, { jwksUri: text, keys: anObject, claim: text });

const brokerOptions = options(
  {},
  {
    host: text,
    port,
    stompPort: port,
    data: text,
    memory: z.boolean(),
    dynamodb: options(
      { tablePrefix: text },
      { endpoint: text, groups: z.array(anObject), createTables: z.boolean(), takeOver: z.boolean() },
    ),
    strict: z.union([z.boolean(), strictOptions], 'must be true, false or an object of options'),
    // Each of them is looked at together with the others, by `withLimits`.
    limits: z.unknown(),
    allowedOrigins: z.array(z.string()),
    access: z.union(
      [
        z.literal('open'),
        options(
          {},
          { tokens, credentialsAtUpgrade: z.boolean(), administrator: options({ name: text, password: text }, {}) },
        ),
      ],
      'must be "open" or an object of options',
    ),
    onStandby: callback,
    onReady: callback,
    onFatal: callback,
    log: callback,
    audit: callback,
    trace: callback,
  },
);

/**
 * Looks at the options of `startBroker`: callers in JavaScript have no types that do.
 * @throws BrokerError INVALID_REQUEST naming each option that is not valid, and what is allowed
 */
export function checkOptions(given: unknown): asserts given is BrokerOptions {
  const { port, stompPort, ...options } = check(brokerOptions, given, 'What startBroker is given', 'an object');
  const faults = [...placeFaults(options), ...portFaults({ port, stompPort } as BrokerOptions, options.strict)];
  if (faults.length > 0) throw new BrokerError('INVALID_REQUEST', faults.join(' '));
}

/** Messages are kept in one place: somebody who names two means something by each. */
function placeFaults(options: { memory?: unknown; data?: unknown; dynamodb?: unknown }): readonly string[] {
  const { memory, data, dynamodb } = options;
  const named = [
    ...(memory === true ? ['memory'] : []),
    ...(dynamodb === undefined ? [] : ['dynamodb']),
    ...(data === undefined ? [] : ['data']),
  ];
  return named.length > 1 ? [`${named.join(' and ')} exclude each other: give one of them.`] : [];
}

/** In the strict mode there is no plain STOMP. */
function portFaults(given: Pick<BrokerOptions, 'port' | 'stompPort'>, strict: unknown): readonly string[] {
  const { port, stompPort } = portsOf(given);
  if (port !== stompPort || port === 0 || strict) return [];
  return [`port and stompPort must differ, or be 0 for free ones: both are ${port}.`];
}
