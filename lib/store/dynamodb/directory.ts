import { DeleteItemCommand, GetItemCommand, PutItemCommand, QueryCommand } from '@aws-sdk/client-dynamodb';
import type { DirectoryRecord, RecordKey, RecordOptions, RecordOutcome } from '../port.ts';
import type { Clients } from './connection.ts';
import { type Item, itemKey, namesIn, numberOf, readBytes, readText } from './expression.ts';
import { completed, conditional, isRefused } from './failures.ts';
import { attributes } from './tables.ts';

/** A conditional put is tried once: repeated, it would take its own first success for another's. */
export async function putRecord(
  db: Clients,
  key: RecordKey,
  value: Uint8Array,
  options: RecordOptions,
): Promise<RecordOutcome> {
  const { expected, expiresAt } = options;
  const client = expected === undefined ? db.patient : db.once;
  const outcome = await conditional(
    client.send(
      new PutItemCommand({
        TableName: db.directoryTable,
        Item: {
          ...itemKey(key.family, key.name),
          [attributes.bytes]: { B: value },
          ...(expiresAt === undefined ? {} : { [attributes.ttl]: numberOf(expiresAt) }),
        },
        ...(expected !== undefined && expectation(expected)),
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      }),
    ),
  );
  if (!isRefused(outcome)) return { kind: 'stored' };
  return { kind: 'conflict', current: outcome.item && readBytes(outcome.item, 'bytes') };
}

export async function getRecord(db: Clients, key: RecordKey): Promise<Uint8Array | undefined> {
  const Key = itemKey(key.family, key.name);
  const command = new GetItemCommand({ TableName: db.directoryTable, Key, ConsistentRead: true });
  const { Item } = await completed(db.patient.send(command));
  return Item && readBytes(Item, 'bytes');
}

export async function deleteRecord(db: Clients, key: RecordKey): Promise<void> {
  const Key = itemKey(key.family, key.name);
  await completed(db.patient.send(new DeleteItemCommand({ TableName: db.directoryTable, Key })));
}

/** A consistent read, of as many pages as `limit` takes. */
export async function listRecords(
  db: Clients,
  family: string,
  after: string,
  limit: number,
): Promise<readonly DirectoryRecord[]> {
  const found: DirectoryRecord[] = [];
  let start: Item | undefined = after === '' ? undefined : itemKey(family, after);
  while (found.length < limit) {
    const answer = await completed(db.patient.send(queryFamily(db, family, start, limit - found.length)));
    found.push(...(answer.Items ?? []).map(readRecord));
    start = answer.LastEvaluatedKey;
    if (!start) break;
  }
  return found;
}

function queryFamily(db: Clients, family: string, start: Item | undefined, limit: number): QueryCommand {
  const KeyConditionExpression = '#pk = :family';
  return new QueryCommand({
    TableName: db.directoryTable,
    KeyConditionExpression,
    ExpressionAttributeNames: namesIn(KeyConditionExpression),
    ExpressionAttributeValues: { ':family': { S: family } },
    Limit: limit,
    ConsistentRead: true,
    ...(start && { ExclusiveStartKey: start }),
  });
}

function expectation(expected: Uint8Array | null) {
  const ConditionExpression = expected ? '#bytes = :expected' : 'attribute_not_exists(#pk)';
  return {
    ConditionExpression,
    ExpressionAttributeNames: namesIn(ConditionExpression),
    ...(expected && { ExpressionAttributeValues: { ':expected': { B: expected } } }),
  };
}

function readRecord(item: Item): DirectoryRecord {
  return { name: readText(item, 'sk'), value: readBytes(item, 'bytes') ?? new Uint8Array() };
}
