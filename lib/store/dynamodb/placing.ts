import { type TransactWriteItem, TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb';
import type { Head, HeadMove } from '../port.ts';
import type { Clients } from './connection.ts';
import { putRecord } from './directory.ts';
import { type Elsewhere, elsewhere } from './elsewhere.ts';
import { type Item, itemKey, namesIn, numberOf, type Values } from './expression.ts';
import { isRefused, transacted } from './failures.ts';
import { headKey, idleCondition } from './heads.ts';
import { attributes, duePartition, homeFamily, MOVED_NONCE } from './tables.ts';

/**
 * What changes where a shard lives. Its head and the record of its home change in one transaction each time, so that
 * there is a head in one group at most, and it is in the one that the record names.
 */

const noHead = 'attribute_not_exists(#pk) OR attribute_exists(#home)';
const thisHome = 'attribute_not_exists(#pk) OR #bytes = :group';

/** Creates an empty head in the group. @returns false if there is one, or the record names another group */
export async function createHead(db: Clients, group: string, shard: string): Promise<boolean> {
  const outcome = await transact(db, [
    { Put: { ...putHome(db, shard, group), ...condition(thisHome, groupValue(group)) } },
    { Put: { TableName: db.tableOf(group), Item: headKey(shard), ...condition(noHead) } },
  ]);
  return !isRefused(outcome);
}

/** Puts down the home of a head that has no record yet. @returns false if there is one */
export async function adoptHead(db: Clients, group: string, shard: string): Promise<boolean> {
  const key = { family: homeFamily, name: shard };
  return (await putRecord(db, key, Buffer.from(group), { expected: null })).kind === 'stored';
}

/** Removes an idle head, or one in whatever state if `rings` is undefined, so that one that is created under its name is a new shard, with a home of its own. */
export async function removeHead(
  db: Clients,
  group: string,
  shard: string,
  rings: number | undefined,
): Promise<{ readonly kind: 'removed' | 'busy' } | Elsewhere> {
  const idle =
    rings === undefined
      ? {
          ConditionExpression: 'attribute_exists(#pk) AND attribute_not_exists(#home)',
          ExpressionAttributeValues: undefined,
        }
      : idleCondition(rings);
  const outcome = await transact(db, [
    {
      Delete: {
        TableName: db.tableOf(group),
        Key: headKey(shard),
        ...condition(idle.ConditionExpression, idle.ExpressionAttributeValues),
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      },
    },
    {
      Delete: {
        TableName: db.directoryTable,
        Key: itemKey(homeFamily, shard),
        ...condition(thisHome, groupValue(group)),
      },
    },
  ]);
  if (!isRefused(outcome)) return { kind: 'removed' };
  // A head that the record does not name is not the shard's.
  return outcome.at === 0 ? (elsewhere(outcome.item) ?? { kind: 'busy' }) : { kind: 'elsewhere', movedTo: undefined };
}

/** Moves a closed head. @returns false if it is not closed under this nonce any more: nothing was written */
export async function moveHead(db: Clients, from: string, head: Head, move: HeadMove): Promise<boolean> {
  const { to, nonce } = move;
  const { shard } = head;
  const outcome = await transact(db, [
    { Put: { ...putHome(db, shard, to), ...condition(thisHome, groupValue(from)) } },
    {
      Put: {
        TableName: db.tableOf(from),
        Item: signTo(shard, move),
        ...condition('#nonce = :mine AND #closed = :mine', { ':mine': { S: nonce } }),
      },
    },
    { Put: { TableName: db.tableOf(to), Item: itemOf(head, move), ...condition(noHead) } },
  ]);
  return !isRefused(outcome);
}

/**
 * What stays in the head's old place. It is closed for good, and what it has in the place of an inbox takes no entry
 * even from code that does not know that heads move.
 */
function signTo(shard: string, { to, signUntil }: HeadMove): Item {
  return {
    ...headKey(shard),
    [attributes.home]: { S: to },
    [attributes.nonce]: { S: MOVED_NONCE },
    [attributes.closed]: { S: MOVED_NONCE },
    [attributes.until]: numberOf(Number.MAX_SAFE_INTEGER),
    [attributes.inbox]: { S: to },
    [attributes.ttl]: numberOf(signUntil),
  };
}

/** The head, listed as due: whoever moved it may die before it has had a turn in its new place. */
function itemOf({ shard, inbox, rings, state, due }: Head, { lease, minute }: HeadMove): Item {
  return {
    ...headKey(shard),
    [attributes.inbox]: { L: inbox.map((B) => ({ B })) },
    ...(rings > 0 && { [attributes.rings]: numberOf(rings) }),
    ...(state && { [attributes.state]: { B: state } }),
    ...(lease && { [attributes.nonce]: { S: lease.nonce }, [attributes.until]: numberOf(lease.until) }),
    [attributes.minute]: numberOf(due || minute),
    [attributes.spread]: numberOf(duePartition(shard)),
  };
}

function putHome(db: Clients, shard: string, group: string) {
  return {
    TableName: db.directoryTable,
    Item: { ...itemKey(homeFamily, shard), [attributes.bytes]: { B: Buffer.from(group) } },
  };
}

function groupValue(group: string): Values {
  return { ':group': { B: Buffer.from(group) } };
}

function condition(ConditionExpression: string, ExpressionAttributeValues?: Values) {
  return {
    ConditionExpression,
    ExpressionAttributeNames: namesIn(ConditionExpression),
    ...(ExpressionAttributeValues && { ExpressionAttributeValues }),
  };
}

/** The client's own repeats bear the token of the first try: they change nothing a second time. */
function transact(db: Clients, TransactItems: TransactWriteItem[]) {
  return transacted(db.patient.send(new TransactWriteItemsCommand({ TransactItems })));
}
