import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { BrokerError } from '../lib/model/errors.ts';
import { readGroups } from '../lib/model/groups.ts';
import type { CirrusBrokerProps } from './options.ts';
import type { CirrusMqStackProps } from './stack.ts';

type Read<T> = (text: string, name: string) => T;
type Option = {
  /** What may be written, for whoever wrote something else. */
  readonly takes: string;
  readonly read: Read<CirrusMqStackProps>;
};

const days = /^[1-9]\d{0,3}$/;
const levels = ['DEBUG', 'INFO', 'WARN', 'ERROR'] as const;
const policies = { retain: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE, destroy: RemovalPolicy.DESTROY } as const;

/** What `cdk deploy -c <name>=<value>` says of the broker that the clone deploys. */
export const contextOptions: Readonly<Record<string, Option>> = {
  tablePrefix: text('a name', (tablePrefix) => ({ tablePrefix })),
  access: oneOf(['closed', 'open'], (access) => ({ access })),
  credentialsAtUpgrade: oneOf(['true', 'false'], (is) => ({ credentialsAtUpgrade: is === 'true' })),
  // The four make one prop together.
  jwtIssuer: text('a URL', () => ({})),
  jwtAudience: text('a name', () => ({})),
  jwtJwksUri: text('a URL', () => ({})),
  jwtClaim: text('a name', () => ({})),
  destinationGroups: text('JSON, as [{"name":"orders","destinations":["/queue/orders.>"]}]', (json) => ({
    destinationGroups: readGroups(json),
  })),
  limits: text('JSON, as {"deliveries":3}', (json) => ({ limits: readLimits(json) })),
  messageRetentionDays: number((count) => ({ messageRetention: Duration.days(count) })),
  allowedOrigins: list((allowedOrigins) => ({ allowedOrigins })),
  throttleRate: number(() => ({})),
  throttleBurst: number(() => ({})),
  watchedQueues: list((watchedQueues) => ({ watchedQueues })),
  logLevel: oneOf(levels, (logLevel) => ({ logLevel })),
  alarms: oneOf(['true', 'false'], (is) => (is === 'true' ? { observability: {} } : {})),
  alarmTopicArn: text("a topic's ARN", (alarmTopicArn) => ({ observability: {}, alarmTopicArn })),
  alarmEmail: text('an address', (alarmEmail) => ({ observability: {}, alarmEmail })),
  deletionProtection: oneOf(['true', 'false'], (is) => ({ deletionProtection: is === 'true' })),
  removalPolicy: oneOf(['retain', 'destroy'], (policy) => ({ removalPolicy: policies[policy] })),
};

/**
 * Reads what the context says. What the CDK itself keeps there, feature flags and look-ups, has a colon or a slash in its
 * name.
 * @throws BrokerError INVALID_REQUEST, naming an option that is not known or not valid, and what is allowed
 */
export function propsOf(context: Readonly<Record<string, unknown>>): CirrusMqStackProps {
  const given = Object.entries(context).filter(([name]) => !/[:/]/.test(name));
  const texts = given.map(
    ([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)] as const,
  );
  const props = texts.map(([name, value]) => {
    const option = Object.hasOwn(contextOptions, name) ? contextOptions[name] : undefined;
    if (!option) throw invalid(`There is no option "${name}"; there are ${Object.keys(contextOptions).join(', ')}.`);
    return option.read(value, name);
  });
  const named = Object.fromEntries(texts);
  if (named.alarms === 'false' && (named.alarmEmail ?? named.alarmTopicArn) !== undefined) {
    throw invalid('alarms is false: nobody is to be told by alarmEmail or alarmTopicArn.');
  }
  return Object.assign({}, ...props, jwtOf(named), throttleOf(named));
}

function jwtOf({ jwtIssuer, jwtAudience, jwtJwksUri, jwtClaim }: NodeJS.Dict<string>): Pick<CirrusBrokerProps, 'jwt'> {
  if (jwtIssuer === undefined && jwtAudience === undefined) {
    if (jwtJwksUri === undefined && jwtClaim === undefined) return {};
    throw invalid('jwtJwksUri and jwtClaim say more of tokens: they need jwtIssuer and jwtAudience.');
  }
  if (jwtIssuer === undefined || jwtAudience === undefined)
    throw invalid('jwtIssuer and jwtAudience need each other: a token is of an issuer, for an audience.');
  const more = { ...(jwtJwksUri && { jwksUri: jwtJwksUri }), ...(jwtClaim && { claim: jwtClaim }) };
  return { jwt: { issuer: jwtIssuer, audience: jwtAudience, ...more } };
}

function throttleOf({ throttleRate, throttleBurst }: NodeJS.Dict<string>): Pick<CirrusBrokerProps, 'throttle'> {
  if (throttleRate === undefined && throttleBurst === undefined) return {};
  if (throttleRate === undefined || throttleBurst === undefined)
    throw invalid('throttleRate and throttleBurst need each other.');
  return { throttle: { rateLimit: Number(throttleRate), burstLimit: Number(throttleBurst) } };
}

function text(takes: string, read: Read<CirrusMqStackProps>): Option {
  return {
    takes,
    read(value, name) {
      if (value === '') throw invalid(`${name} is empty; it takes ${takes}.`);
      return read(value, name);
    },
  };
}

function list(read: (values: readonly string[]) => CirrusMqStackProps): Option {
  return text('a list with commas', (value, name) => {
    const values = value.split(',').map((one) => one.trim());
    if (values.includes('')) throw invalid(`${name} is "${value}"; between its commas there is something.`);
    return read(values);
  });
}

function number(read: (count: number) => CirrusMqStackProps): Option {
  return text('a whole number from 1 to 9999', (value, name) => {
    if (!days.test(value)) throw invalid(`${name} is "${value}"; it takes a whole number from 1 to 9999.`);
    return read(Number(value));
  });
}

function oneOf<const T extends string>(values: readonly T[], read: (value: T) => CirrusMqStackProps): Option {
  const takes = values.join(' or ');
  return text(takes, (value, name) => {
    const found = values.find((one) => one === value);
    if (found === undefined) throw invalid(`${name} is "${value}"; it takes ${takes}.`);
    return read(found);
  });
}

function readLimits(json: string): NonNullable<CirrusBrokerProps['limits']> {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new BrokerError('INVALID_REQUEST', 'limits is not JSON, as {"deliveries":3}.', { cause });
  }
}

function invalid(message: string): BrokerError {
  return new BrokerError('INVALID_REQUEST', message);
}
