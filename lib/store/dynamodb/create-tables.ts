import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DescribeTableCommand,
  type DynamoDBClient,
  ResourceInUseException,
  ResourceNotFoundException,
  UpdateTimeToLiveCommand,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import { BrokerError } from '../../model/errors.ts';
import { type ConnectionOptions, connect } from './connection.ts';
import { completed } from './failures.ts';
import { dueIndex, tableKey } from './tables.ts';

const WAIT_SECONDS = 120;

/** Creates those of the tables that do not exist: billed on demand, with TTL. Another process may do the same. */
export async function createTables(options: ConnectionOptions): Promise<void> {
  const { patient, once, groups, tableOf, directoryTable } = connect(options);
  try {
    await Promise.all([
      ...groups.map(({ name }) => completed(createTable(patient, { ...tableInput(tableOf(name)), ...shardIndex() }))),
      completed(createTable(patient, tableInput(directoryTable))),
    ]);
  } finally {
    patient.destroy();
    once.destroy();
  }
}

/**
 * Refuses to go on without the tables.
 * @throws BrokerError NOT_FOUND, naming those that are missing, and the prefix
 */
export async function demandTables(options: ConnectionOptions): Promise<void> {
  const { patient, once, groups, tableOf, directoryTable } = connect(options);
  try {
    const tables = [...groups.map(({ name }) => tableOf(name)), directoryTable];
    const isThere = await Promise.all(tables.map((table) => completed(tableExists(patient, table))));
    const missing = tables.filter((_, i) => !isThere[i]);
    if (missing.length === 0) return;
    throw new BrokerError(
      'NOT_FOUND',
      `There is no DynamoDB table ${missing.join(', ')}. Is the prefix "${options.tablePrefix}" right, and the Region? ` +
        'To make new tables under it, say --create-tables.',
    );
  } finally {
    patient.destroy();
    once.destroy();
  }
}

async function createTable(client: DynamoDBClient, input: CreateTableCommandInput): Promise<void> {
  const { TableName } = input;
  if (await tableExists(client, TableName)) return;
  try {
    await client.send(new CreateTableCommand(input));
  } catch (error) {
    if (!(error instanceof ResourceInUseException)) throw error;
    await waitUntilTableExists({ client, maxWaitTime: WAIT_SECONDS }, { TableName });
    return;
  }
  await waitUntilTableExists({ client, maxWaitTime: WAIT_SECONDS }, { TableName });
  const TimeToLiveSpecification = { AttributeName: tableKey.ttlAttribute, Enabled: true };
  await client.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification }));
}

async function tableExists(client: DynamoDBClient, TableName: string | undefined): Promise<boolean> {
  try {
    await client.send(new DescribeTableCommand({ TableName }));
    return true;
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return false;
    throw error;
  }
}

type Attribute = { readonly name: string; readonly type: 'S' | 'N' };
type Key = { readonly partitionKey: Attribute; readonly sortKey: Attribute };

function tableInput(TableName: string): CreateTableCommandInput {
  return {
    TableName,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: definitions(tableKey),
    KeySchema: schema(tableKey),
  };
}

function shardIndex(): Partial<CreateTableCommandInput> {
  const { name, projection } = dueIndex;
  return {
    AttributeDefinitions: [...definitions(tableKey), ...definitions(dueIndex)],
    GlobalSecondaryIndexes: [
      { IndexName: name, KeySchema: schema(dueIndex), Projection: { ProjectionType: projection } },
    ],
  };
}

function definitions({ partitionKey, sortKey }: Key) {
  return [partitionKey, sortKey].map(({ name, type }) => ({ AttributeName: name, AttributeType: type }));
}

function schema({ partitionKey, sortKey }: Key): NonNullable<CreateTableCommandInput['KeySchema']> {
  return [
    { AttributeName: partitionKey.name, KeyType: 'HASH' },
    { AttributeName: sortKey.name, KeyType: 'RANGE' },
  ];
}
