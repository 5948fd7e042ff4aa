import { setTimeout as sleep } from 'node:timers/promises';
import {
  BatchGetItemCommand,
  type BatchGetItemCommandOutput,
  type KeysAndAttributes,
  PutItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { BrokerError } from '../../model/errors.ts';
import type { Blob } from '../port.ts';
import type { Clients } from './connection.ts';
import { type Item, itemKey, namesIn, numberOf, readBytes, readNumber, readText } from './expression.ts';
import { completed, conditional, isRefused } from './failures.ts';
import { attributes, blobPartition, blobSort } from './tables.ts';

const absent = 'attribute_not_exists(#pk)';

/** One that exists is our own earlier write, and stays. */
export async function putBlob(db: Clients, table: string, shard: string, blob: Blob): Promise<void> {
  await conditional(db.patient.send(new PutItemCommand(putInput(table, shard, blob))));
}

/** @returns the keys of those that are missing, or would have lived longer */
export async function extendBlobs(
  db: Clients,
  table: string,
  shard: string,
  keys: readonly string[],
  expiresAt: number,
): Promise<readonly string[]> {
  // What was copied with it is extended by calls of its own: from here on it vouches for nothing but itself.
  const UpdateExpression = 'SET #ttl = :ttl REMOVE #copied';
  const ConditionExpression = 'attribute_exists(#pk) AND #ttl < :ttl';
  const outcomes = await Promise.all(
    keys.map((key) => {
      const command = new UpdateItemCommand({
        TableName: table,
        Key: blobKey(shard, key),
        UpdateExpression,
        ConditionExpression,
        ExpressionAttributeNames: namesIn(UpdateExpression, ConditionExpression),
        ExpressionAttributeValues: { ':ttl': numberOf(expiresAt) },
      });
      return conditional(db.patient.send(command));
    }),
  );
  return keys.filter((_, i) => isRefused(outcomes[i] ?? {}));
}

/** The keys of which there is no blob that lives, or was copied to live, so long: in seconds since the epoch. */
export async function lackingBlobs(
  db: Clients,
  table: string,
  shard: string,
  keys: readonly string[],
  { ttl = 0, copied = 0 }: { readonly ttl?: number; readonly copied?: number },
): Promise<readonly string[]> {
  const ProjectionExpression = '#pk, #ttl, #copied';
  const items = await getAll(db, table, shard, keys, {
    ProjectionExpression,
    ExpressionAttributeNames: namesIn(ProjectionExpression),
  });
  const good = items.filter((item) => readNumber(item, 'ttl') >= ttl && readNumber(item, 'copied') >= copied);
  const there = new Set(good.map((item) => keyOf(shard, item)));
  return keys.filter((key) => !there.has(key));
}

/**
 * Puts blobs of one table into another one, as long-lived as they are, and until `expiresAt` at least.
 * @returns the keys of those that do not exist
 */
export async function copyBlobs(
  db: Clients,
  tables: { readonly from: string; readonly to: string },
  shard: string,
  keys: readonly string[],
  expiresAt: number,
): Promise<readonly string[]> {
  const items = await getAll(db, tables.from, shard, keys);
  await Promise.all(
    items.map((item) => {
      const ttl = numberOf(Math.max(readNumber(item, 'ttl'), expiresAt));
      const Item = { ...item, [attributes.ttl]: ttl, [attributes.copied]: numberOf(expiresAt) };
      return completed(db.patient.send(new PutItemCommand({ TableName: tables.to, Item })));
    }),
  );
  const copied = new Set(items.map((item) => keyOf(shard, item)));
  return keys.filter((key) => !copied.has(key));
}

const BATCH_KEYS = 100;

export async function getBlobs(
  db: Clients,
  table: string,
  shard: string,
  keys: readonly string[],
): Promise<ReadonlyMap<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  for (const item of await getAll(db, table, shard, keys)) {
    const bytes = readBytes(item, 'bytes');
    if (bytes) found.set(keyOf(shard, item), bytes);
  }
  return found;
}

/** The items of blobs that exist. */
async function getAll(
  db: Clients,
  table: string,
  shard: string,
  keys: readonly string[],
  shown: Omit<KeysAndAttributes, 'Keys'> = {},
): Promise<readonly Item[]> {
  const unique = [...new Set(keys)];
  const batches = Array.from({ length: Math.ceil(unique.length / BATCH_KEYS) }, (_, batch) =>
    unique.slice(batch * BATCH_KEYS, (batch + 1) * BATCH_KEYS),
  );
  const items = await Promise.all(
    batches.map((batch) => getItems(db, table, { ...shown, Keys: batch.map((key) => blobKey(shard, key)) })),
  );
  return items.flat();
}

function keyOf(shard: string, item: Item): string {
  return readText(item, 'pk').slice(blobPartition(shard, '').length);
}

const ATTEMPTS = 8;
const FIRST_WAIT_MS = 20;

/** One batch, however many answers it takes: DynamoDB leaves out what exceeds 16 MB or what it throttles. */
async function getItems(db: Clients, table: string, asked: KeysAndAttributes): Promise<readonly Item[]> {
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

function putInput(table: string, shard: string, blob: Blob) {
  return {
    TableName: table,
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
