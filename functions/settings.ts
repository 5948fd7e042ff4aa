import { BrokerError } from '../lib/model/errors.ts';
import { type DestinationGroup, readGroups } from '../lib/model/groups.ts';
import { withLimits } from '../lib/model/limit-rules.ts';
import { cloudLimits, type Limits } from '../lib/model/limits.ts';

/** What a function is told by its environment. A setting that is wrong ends it at its start, by name. */
export type Settings = {
  readonly tablePrefix: string;
  readonly groups: readonly DestinationGroup[];
  readonly limits: Limits;
  /** Where the `@connections` of the WebSocket API's stage are. */
  readonly connectionsEndpoint: string;
  /** The name of the function that goes on with a shard. */
  readonly dispatchFunction: string;
  readonly allowedOrigins: readonly string[];
  /** Queues, by name, that have metrics of their own. */
  readonly watchedQueues: readonly string[];
};

/** @throws BrokerError UNAVAILABLE, naming what the function's environment lacks */
export function required(environment: NodeJS.ProcessEnv, name: string): string {
  const value = environment[name];
  if (value) return value;
  throw new BrokerError('UNAVAILABLE', `The function's environment lacks ${name}.`);
}

/** @throws BrokerError UNAVAILABLE for a setting that is missing, INVALID_REQUEST for one that is not valid */
export function readSettings(environment: NodeJS.ProcessEnv): Settings {
  return {
    tablePrefix: required(environment, 'TABLE_PREFIX'),
    groups: readGroups(environment.DESTINATION_GROUPS),
    limits: withLimits(cloudLimits, readJson('LIMITS', environment.LIMITS)),
    connectionsEndpoint: required(environment, 'CONNECTIONS_ENDPOINT'),
    dispatchFunction: environment.DISPATCH_FUNCTION ?? required(environment, 'AWS_LAMBDA_FUNCTION_NAME'),
    allowedOrigins: readList(environment.ALLOWED_ORIGINS),
    watchedQueues: readList(environment.WATCHED_QUEUES),
  };
}

function readList(text = ''): readonly string[] {
  return text.split(',').filter(Boolean);
}

function readJson(name: string, text: string | undefined): unknown {
  try {
    return JSON.parse(text || '{}');
  } catch (cause) {
    throw new BrokerError('INVALID_REQUEST', `${name} is not JSON.`, { cause });
  }
}
