import { setTimeout as sleep } from 'node:timers/promises';
import {
  BatchGetItemCommand,
  type BatchGetItemCommandOutput,
  type KeysAndAttributes,
  PutItemCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { BrokerError } from '../../model/errors.ts';
import type { Blob, TransactOutcome } from '../port.ts';
import type { Connection } from './connection.ts';
import { type Item, itemKey, namesIn, numberOf, readBytes, readText } from './expression.ts';
import { completed, conditional, refusedPositions } from './failures.ts';
import { attributes, blobPartition, blobSort } from './tables.ts';

const absent = 'attribute_not_exists(#pk)';

/** One that exists is our own earlier write, and stays. */
export async function putBlobs(db: Connection, shard: string, blobs: readonly Blob[]): Promise<void> {
  await Promise.all(blobs.map((blob) => conditional(db.patient.send(new PutItemCommand(putInput(db, shard, blob))))));
}

export async function transactBlobs(db: Connection, shard: string, blobs: readonly Blob[]): Promise<TransactOutcome> {
  const TransactItems = blobs.map((blob) => ({ Put: putInput(db, shard, blob) }));
  const refused = await refusedPositions(db.patient.send(new TransactWriteItemsCommand({ TransactItems })));
  if (refused.length === 0) return { kind: 'done' };
  return { kind: 'exists', keys: refused.flatMap((position) => blobs[position]?.key ?? []) };
}

export async function extendBlobs(
  db: Connection,
  shard: string,
  keys: readonly string[],
  expiresAt: number,
): Promise<void> {
  const UpdateExpression = 'SET #ttl = :ttl';
  const ConditionExpression = 'attribute_exists(#pk) AND #ttl < :ttl';
  await Promise.all(
    keys.map((key) => {
      const command = new UpdateItemCommand({
        TableName: db.shardTable(shard),
        Key: blobKey(shard, key),
        UpdateExpression,
        ConditionExpression,
        ExpressionAttributeNames: namesIn(UpdateExpression, ConditionExpression),
        ExpressionAttributeValues: { ':ttl': numberOf(expiresAt) },
      });
      return conditional(db.patient.send(command));
    }),
  );
}

const BATCH_KEYS = 100;

export async function getBlobs(
  db: Connection,
  shard: string,
  keys: readonly string[],
): Promise<ReadonlyMap<string, Uint8Array>> {
  const unique = [...new Set(keys)];
  const batches = Array.from({ length: Math.ceil(unique.length / BATCH_KEYS) }, (_, batch) =>
    unique.slice(batch * BATCH_KEYS, (batch + 1) * BATCH_KEYS),
  );
  const items = await Promise.all(
    batches.map((batch) => getItems(db, db.shardTable(shard), { Keys: batch.map((key) => blobKey(shard, key)) })),
  );
  const found = new Map<string, Uint8Array>();
  for (const item of items.flat()) {
    const bytes = readBytes(item, 'bytes');
    if (bytes) found.set(readText(item, 'pk').slice(blobPartition(shard, '').length), bytes);
  }
  return found;
}

const ATTEMPTS = 8;
const FIRST_WAIT_MS = 20;

/** One batch, however many answers it takes: DynamoDB leaves out what exceeds 16 MB or what it throttles. */
async function getItems(db: Connection, table: string, asked: KeysAndAttributes): Promise<readonly Item[]> {
  const items: Item[] = [];
  let rest: KeysAndAttributes | undefined = { ...asked, ConsistentRead: true };
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const answer: BatchGetItemCommandOutput = await completed(
      db.patient.send(new BatchGetItemCommand({ RequestItems: { [table]: rest } })),
    );
    const got = answer.Responses?.[table] ?? [];
    items.push(...got);
    rest = answer.UnprocessedKeys?.[table];
    if (!rest) return items;
    // An answer that was cut at 16 MB is progress: only throttling is worth a wait, and counts as an attempt.
    if (got.length > 0) attempt = -1;
    else await sleep(FIRST_WAIT_MS * 2 ** attempt * (0.5 + Math.random() / 2));
  }
  throw new BrokerError('OVERLOADED', 'DynamoDB is throttling reads; try again later.');
}

function putInput(db: Connection, shard: string, blob: Blob) {
  return {
    TableName: db.shardTable(shard),
    Item: {
      ...blobKey(shard, blob.key),
      [attributes.bytes]: { B: blob.bytes },
      [attributes.ttl]: numberOf(blob.expiresAt),
    },
    ConditionExpression: absent,
    ExpressionAttributeNames: namesIn(absent),
  };
}

function blobKey(shard: string, key: string): Item {
  return itemKey(blobPartition(shard, key), blobSort);
}
