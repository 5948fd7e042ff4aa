import { DeleteItemCommand, PutItemCommand, paginateQuery, ScanCommand } from '@aws-sdk/client-dynamodb';
import { asBrokerError } from '../../model/errors.ts';
import type { Due, OnUnread } from '../port.ts';
import type { Clients } from './connection.ts';
import { type Item, itemKey, namesIn, numberOf, readNumber, readText } from './expression.ts';
import { completed } from './failures.ts';
import { isGroupGone } from './missing-table.ts';
import { attributes, DUE_PARTITIONS, DUE_SCAN_ITEMS, dueIndex, duePartition, headSort, wakeSort } from './tables.ts';

/** Idempotent. */
export async function putWake(db: Clients, TableName: string, shard: string, minute: number): Promise<void> {
  const Item = {
    ...itemKey(shard, wakeSort(minute)),
    [attributes.minute]: numberOf(minute),
    [attributes.spread]: numberOf(duePartition(shard)),
  };
  await completed(db.patient.send(new PutItemCommand({ TableName, Item })));
}

export async function removeWake(db: Clients, TableName: string, shard: string, minute: number): Promise<void> {
  const Key = itemKey(shard, wakeSort(minute));
  await completed(db.patient.send(new DeleteItemCommand({ TableName, Key })));
}

/**
 * What is due, the oldest first: an eventually consistent read. A table that cannot be read does not keep the others
 * waiting: it has its turn at the next look, as has what an index does not show yet.
 */
export async function listDue(
  db: Clients,
  groups: readonly string[],
  minute: number,
  limit: number,
  onUnread: OnUnread = () => {},
): Promise<readonly Due[]> {
  const lists = await Promise.allSettled(groups.map((group) => listGroup(db, group, minute, limit)));
  const [failed] = lists.filter((list) => list.status === 'rejected');
  if (failed && lists.every((list) => list.status === 'rejected')) throw failed.reason;
  lists.forEach((list, i) => {
    if (list.status === 'rejected') onUnread(db.tableOf(groups[i] as string), asBrokerError(list.reason));
  });
  return lists
    .flatMap((list) => (list.status === 'fulfilled' ? list.value : []))
    .sort((a, b) => a.minute - b.minute)
    .slice(0, limit);
}

/** What is due in one group: there is where it has to be crossed off, wherever its shard lives by now. */
async function listGroup(db: Clients, group: string, minute: number, limit: number): Promise<readonly Due[]> {
  try {
    const dues = await listTable(db, db.tableOf(group), minute, limit);
    return dues.map((due) => ({ ...due, group }));
  } catch (error) {
    if (isGroupGone(db, group, error)) return [];
    throw error;
  }
}

/** The index read whole, or if it holds much, the oldest of each of its partitions. */
async function listTable(db: Clients, table: string, minute: number, limit: number): Promise<readonly Due[]> {
  const few = await scanDue(db, table, minute);
  if (few) return few;
  const partitions = Array.from({ length: DUE_PARTITIONS }, (_, spread) => spread);
  const lists = await Promise.all(partitions.map((spread) => queryDue(db, table, spread, minute, limit)));
  return lists.flat();
}

/**
 * What is due of an index that holds little, as most do at most times: one read, where each of the partitions costs at
 * least as much by itself. Undefined if it holds more than that read shows.
 */
async function scanDue(db: Clients, TableName: string, minute: number): Promise<readonly Due[] | undefined> {
  const scan = new ScanCommand({ TableName, IndexName: dueIndex.name, Limit: DUE_SCAN_ITEMS });
  const { Items = [], LastEvaluatedKey } = await completed(db.patient.send(scan));
  if (LastEvaluatedKey) return undefined;
  return Items.map(readDue).filter((due) => due.minute <= minute);
}

async function queryDue(
  db: Clients,
  TableName: string,
  spread: number,
  minute: number,
  limit: number,
): Promise<readonly Due[]> {
  const KeyConditionExpression = '#spread = :spread AND #minute <= :minute';
  const pages = paginateQuery(
    { client: db.patient },
    {
      TableName,
      IndexName: dueIndex.name,
      KeyConditionExpression,
      ExpressionAttributeNames: namesIn(KeyConditionExpression),
      ExpressionAttributeValues: { ':spread': numberOf(spread), ':minute': numberOf(minute) },
      Limit: limit,
    },
  );
  return completed(firstItems(pages, limit));
}

async function firstItems(
  pages: AsyncIterable<{ readonly Items?: Item[] | undefined }>,
  limit: number,
): Promise<readonly Due[]> {
  const found: Due[] = [];
  for await (const page of pages) {
    found.push(...(page.Items ?? []).map(readDue));
    if (found.length >= limit) break;
  }
  return found;
}

function readDue(item: Item): Due {
  return {
    shard: readText(item, 'pk'),
    minute: readNumber(item, 'minute'),
    kind: readText(item, 'sk') === headSort ? 'ring' : 'wake',
  };
}
