import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { DEFAULT_GROUP, type DestinationGroup, groupDestinations } from '../../model/groups.ts';
import { isLoopback } from '../../model/loopback.ts';
import { type Consumption, report } from './consumption.ts';
import { nameMissingTables } from './missing-table.ts';
import { tableNames } from './tables.ts';

/** The tables, and two clients on them. */
export type Clients = {
  /** Repeats by itself what failed: for writes that may be repeated without harm, and reads. */
  readonly patient: DynamoDBClient;
  /** Tries once: for heads and compare-and-set, where whoever repeats has to know that it does. */
  readonly once: DynamoDBClient;
  /** The group that a new shard belongs to, as it is configured. Where an older one lives, `Homes` knows. */
  groupOf(shard: string): string;
  /** The groups that are configured, `default` among them. */
  readonly groups: readonly DestinationGroup[];
  /** The shard table of a group. */
  tableOf(group: string): string;
  readonly directoryTable: string;
};

export type ConnectionOptions = {
  /** The beginning of all tables' names. */
  readonly tablePrefix: string;
  /** Another address than the region's; on loopback, credentials and region are made up if there are none. */
  readonly endpoint?: string;
  /** Anything else of the SDK's client: region, credentials. */
  readonly client?: DynamoDBClientConfig;
  /** Destinations that have a table of their own, by group. Default: all share one. */
  readonly groups?: readonly DestinationGroup[];
  /** Told what each call consumed. Default: DynamoDB is not asked. */
  readonly consumption?: Consumption;
};

const CONNECT_MS = 2_000;
const REQUEST_MS = 5_000;
const SOCKETS = 256;

/** @throws BrokerError for groups that are not valid */
export function connect(options: ConnectionOptions): Clients {
  const { tablePrefix } = options;
  const { groups = [] } = options;
  const { names, groupOf } = groupDestinations(groups);
  const config = clientConfig(options);
  const patient = new DynamoDBClient(config);
  const once = new DynamoDBClient({ ...config, maxAttempts: 1 });
  for (const client of [patient, once]) nameMissingTables(client, tablePrefix);
  if (options.consumption) for (const client of [patient, once]) report(client, options.consumption);
  return {
    patient,
    once,
    groupOf,
    groups: names.map((name) => groups.find((group) => group.name === name) ?? { name, destinations: [] }),
    tableOf: (group) => tableNames(tablePrefix, group).shards,
    directoryTable: tableNames(tablePrefix, DEFAULT_GROUP).directory,
  };
}

function clientConfig(options: ConnectionOptions): DynamoDBClientConfig {
  const agent = { maxSockets: SOCKETS, keepAlive: true };
  return {
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      requestTimeout: REQUEST_MS,
      throwOnRequestTimeout: true,
      httpAgent: agent,
      httpsAgent: agent,
    },
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint, ...localDefaults(options.endpoint) }),
    ...options.client,
  };
}

function localDefaults(endpoint: string): DynamoDBClientConfig {
  if (!isLoopback(endpoint)) return {};
  const { AWS_ACCESS_KEY_ID, AWS_PROFILE, AWS_REGION } = process.env;
  return {
    ...(AWS_ACCESS_KEY_ID || AWS_PROFILE ? {} : { credentials: { accessKeyId: 'local', secretAccessKey: 'local' } }),
    ...(AWS_REGION ? {} : { region: 'us-east-1' }),
  };
}
