import {
  DeleteItemCommand,
  GetItemCommand,
  UpdateItemCommand,
  type UpdateItemCommandInput,
} from '@aws-sdk/client-dynamodb';
import type { Append, AppendOutcome, Commit, CommitOutcome, Head, Lease, Steal, StealOutcome } from '../port.ts';
import type { Connection } from './connection.ts';
import { type Item, itemKey, namesIn, numberOf, readBytes, readNumber, readText, type Values } from './expression.ts';
import { completed, conditional, isRefused, type Refused } from './failures.ts';
import { attributes, duePartition, headSort } from './tables.ts';

const emptyInbox = '(attribute_not_exists(#inbox) OR size(#inbox) = :zero)';

/** Appends the entries in one write, which also elects, rings and reads. The blobs are the caller's to put first. */
export async function appendToHead(db: Connection, shard: string, append: Append): Promise<AppendOutcome> {
  const { entries, ring } = append;
  const values: Values = { ':minute': numberOf(append.minute), ':spread': numberOf(duePartition(shard)) };
  const set = ['#minute = if_not_exists(#minute, :minute)', '#spread = if_not_exists(#spread, :spread)'];
  if (entries.length > 0) {
    set.push('#inbox = list_append(if_not_exists(#inbox, :none), :entries)');
    Object.assign(values, { ':none': { L: [] }, ':entries': { L: entries.map((B) => ({ B })) } });
    values[':room'] = numberOf(append.room);
  }
  if (ring) {
    set.push('#nonce = if_not_exists(#nonce, :nonce)', '#until = if_not_exists(#until, :until)');
    Object.assign(values, leaseValues(ring), { ':one': numberOf(1) });
  }
  const outcome = await updateHead(db, shard, {
    UpdateExpression: `SET ${set.join(', ')}${ring ? ' ADD #rings :one' : ''}`,
    ...appendCondition(append),
    ExpressionAttributeValues: values,
  });
  if (!isRefused(outcome)) return { kind: 'appended', head: outcome };
  return outcome.item ? { kind: 'full', head: readItem(shard, outcome.item) } : { kind: 'absent', head: undefined };
}

function appendCondition({ entries, mustExist }: Append): Pick<HeadUpdate, 'ConditionExpression'> {
  const conditions = [
    ...(mustExist ? ['attribute_exists(#pk)'] : []),
    ...(entries.length > 0 ? ['(attribute_not_exists(#inbox) OR size(#inbox) < :room)'] : []),
  ];
  return conditions.length > 0 ? { ConditionExpression: conditions.join(' AND ') } : {};
}

/** Commits in one conditional write. The blobs and the wake-up are the caller's to put first. */
export async function commitToHead(db: Connection, shard: string, commit: Commit): Promise<CommitOutcome> {
  const { lease, rings } = commit;
  const values: Values = { ':mine': { S: commit.nonce }, ':state': { B: commit.state } };
  const absorbed = Array.from({ length: commit.absorbed }, (_, position) => `#inbox[${position}]`);
  const removed = lease ? absorbed : [...absorbed, '#nonce', '#until'];
  const set = lease ? 'SET #state = :state, #nonce = :nonce, #until = :until' : 'SET #state = :state';
  Object.assign(values, lease ? leaseValues(lease) : { ':rings': numberOf(rings) });
  const outcome = await updateHead(db, shard, {
    UpdateExpression: removed.length > 0 ? `${set} REMOVE ${removed.join(', ')}` : set,
    ConditionExpression: lease ? '#nonce = :mine' : '#nonce = :mine AND #rings = :rings',
    ExpressionAttributeValues: values,
  });
  if (!isRefused(outcome)) return { kind: 'committed', head: outcome };
  const head = outcome.item && readItem(shard, outcome.item);
  return head?.lease?.nonce === commit.nonce ? { kind: 'rung', head } : { kind: 'lost', head };
}

export async function stealHead(db: Connection, shard: string, steal: Steal): Promise<StealOutcome> {
  const outcome = await updateHead(db, shard, {
    UpdateExpression: 'SET #nonce = :nonce, #until = :until',
    ConditionExpression: '#nonce = :seen',
    ExpressionAttributeValues: { ...leaseValues(steal.lease), ':seen': { S: steal.seen } },
  });
  if (!isRefused(outcome)) return { kind: 'stolen', head: outcome };
  return { kind: 'lost', head: outcome.item && readItem(shard, outcome.item) };
}

export async function readHead(db: Connection, shard: string): Promise<Head | undefined> {
  const { Item } = await completed(
    db.patient.send(new GetItemCommand({ TableName: db.shardTable(shard), Key: headKey(shard), ConsistentRead: true })),
  );
  return Item && readItem(shard, Item);
}

/** A head that is gone counts as removed: it may be our own deletion, repeated. */
export async function removeHead(db: Connection, shard: string, rings: number): Promise<boolean> {
  const idle = idleCondition(rings);
  const outcome = await conditional(
    db.patient.send(
      new DeleteItemCommand({
        TableName: db.shardTable(shard),
        Key: headKey(shard),
        ...idle,
        ExpressionAttributeNames: namesIn(idle.ConditionExpression),
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      }),
    ),
  );
  return !isRefused(outcome) || !outcome.item;
}

/** Takes an idle head out of the index of what is due. A head that is gone has nothing to clear. */
export async function clearDue(db: Connection, shard: string, rings: number): Promise<boolean> {
  const outcome = await updateHead(db, shard, {
    UpdateExpression: 'REMOVE #minute, #spread',
    ...idleCondition(rings),
  });
  return !isRefused(outcome) || !outcome.item;
}

function idleCondition(rings: number) {
  const unrung = rings === 0 ? 'attribute_not_exists(#rings)' : '#rings = :rings';
  return {
    ConditionExpression: `attribute_exists(#pk) AND ${unrung} AND attribute_not_exists(#nonce) AND ${emptyInbox}`,
    ExpressionAttributeValues: { ':zero': numberOf(0), ...(rings === 0 ? {} : { ':rings': numberOf(rings) }) },
  };
}

type HeadUpdate = Pick<
  UpdateItemCommandInput,
  'UpdateExpression' | 'ConditionExpression' | 'ExpressionAttributeValues'
>;

/** One write of a head, tried once; brings the head along, as it is afterwards or as it stood in the way. */
async function updateHead(db: Connection, shard: string, update: HeadUpdate): Promise<Head | Refused> {
  const command = new UpdateItemCommand({
    TableName: db.shardTable(shard),
    Key: headKey(shard),
    ...update,
    ExpressionAttributeNames: namesIn(update.UpdateExpression, update.ConditionExpression),
    ReturnValues: 'ALL_NEW',
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  });
  const outcome = await conditional(db.once.send(command));
  return isRefused(outcome) ? outcome : readItem(shard, outcome.Attributes ?? {});
}

function headKey(shard: string): Item {
  return itemKey(shard, headSort);
}

function leaseValues(lease: Lease): Values {
  return { ':nonce': { S: lease.nonce }, ':until': numberOf(lease.until) };
}

function readItem(shard: string, item: Item): Head {
  const nonce = readText(item, 'nonce');
  return {
    shard,
    lease: nonce === '' ? undefined : { nonce, until: readNumber(item, 'until') },
    rings: readNumber(item, 'rings'),
    inbox: (item[attributes.inbox]?.L ?? []).flatMap((entry) => (entry.B ? [entry.B] : [])),
    state: readBytes(item, 'state'),
    due: readNumber(item, 'minute'),
  };
}
