import { GetItemCommand, UpdateItemCommand, type UpdateItemCommandInput } from '@aws-sdk/client-dynamodb';
import type { Append, AppendOutcome, Commit, CommitOutcome, Head, Lease, Steal, StealOutcome } from '../port.ts';
import type { Clients } from './connection.ts';
import { type Elsewhere, elsewhere } from './elsewhere.ts';
import { type Item, itemKey, namesIn, numberOf, readBytes, readNumber, readText, type Values } from './expression.ts';
import { completed, conditional, isRefused, type Refused } from './failures.ts';
import { attributes, duePartition, headSort } from './tables.ts';

/** Only a head that is there takes entries, and only while nobody takes it away. Rings it takes meanwhile, too. */
const open =
  '(attribute_not_exists(#closed) OR attribute_not_exists(#nonce) OR #closed <> #nonce) AND (attribute_not_exists(#quiet) OR #quiet < :now)';
const emptyInbox = '(attribute_not_exists(#inbox) OR size(#inbox) = :zero)';

/**
 * Appends the entries in one write, which also elects, rings and reads. The blobs are the caller's to put first. It
 * never creates a head: whether there is one, and where, is not for this write to say.
 */
export async function appendToHead(
  db: Clients,
  table: string,
  shard: string,
  append: Append,
): Promise<AppendOutcome | Elsewhere> {
  const { entries, ring } = append;
  const values: Values = { ':minute': numberOf(append.minute), ':spread': numberOf(duePartition(shard)) };
  const set = ['#minute = if_not_exists(#minute, :minute)', '#spread = if_not_exists(#spread, :spread)'];
  if (entries.length > 0) {
    set.push('#inbox = list_append(if_not_exists(#inbox, :none), :entries)');
    Object.assign(values, { ':none': { L: [] }, ':entries': { L: entries.map((B) => ({ B })) } });
    values[':room'] = numberOf(append.room);
    values[':now'] = numberOf(Date.now());
  }
  if (ring) {
    set.push('#nonce = if_not_exists(#nonce, :nonce)', '#until = if_not_exists(#until, :until)');
    Object.assign(values, leaseValues(ring), { ':one': numberOf(1) });
  }
  const room = ` AND ${open} AND (attribute_not_exists(#inbox) OR size(#inbox) < :room)`;
  const outcome = await updateHead(db, table, shard, {
    UpdateExpression: `SET ${set.join(', ')}${ring ? ' ADD #rings :one' : ''}`,
    ConditionExpression: `attribute_exists(#pk) AND attribute_not_exists(#home)${entries.length > 0 ? room : ''}`,
    ExpressionAttributeValues: values,
  });
  if (!isRefused(outcome)) return { kind: 'appended', head: outcome };
  return headIn(shard, outcome, (head) => ({ kind: 'full', head, hasBlobs: true }));
}

/** What a refusal comes to where it brought a head along. */
function headIn<T>(shard: string, { item }: Refused, outcomeOf: (head: Head) => T): T | Elsewhere {
  return elsewhere(item) ?? outcomeOf(readItem(shard, item ?? {}));
}

/** Commits in one conditional write. The blobs and the wake-up are the caller's to put first. */
export async function commitToHead(
  db: Clients,
  table: string,
  shard: string,
  commit: Commit,
): Promise<CommitOutcome | Elsewhere> {
  const { lease, rings } = commit;
  const values: Values = { ':mine': { S: commit.nonce }, ':state': { B: commit.state } };
  const absorbed = Array.from({ length: commit.absorbed }, (_, position) => `#inbox[${position}]`);
  const removed = lease ? absorbed : [...absorbed, '#nonce', '#until'];
  const set = lease ? 'SET #state = :state, #nonce = :nonce, #until = :until' : 'SET #state = :state';
  Object.assign(values, lease ? leaseValues(lease) : { ':rings': numberOf(rings) });
  const outcome = await updateHead(db, table, shard, {
    UpdateExpression: removed.length > 0 ? `${set} REMOVE ${removed.join(', ')}` : set,
    ConditionExpression: lease ? '#nonce = :mine' : '#nonce = :mine AND #rings = :rings',
    ExpressionAttributeValues: values,
  });
  if (!isRefused(outcome)) return { kind: 'committed', head: outcome };
  return headIn<CommitOutcome>(shard, outcome, (head) =>
    head.lease?.nonce === commit.nonce ? { kind: 'rung', head } : { kind: 'lost', head },
  );
}

export async function stealHead(
  db: Clients,
  table: string,
  shard: string,
  steal: Steal,
): Promise<StealOutcome | Elsewhere> {
  const outcome = await updateHead(db, table, shard, {
    UpdateExpression: 'SET #nonce = :nonce, #until = :until',
    ConditionExpression: '#nonce = :seen',
    ExpressionAttributeValues: { ...leaseValues(steal.lease), ':seen': { S: steal.seen } },
  });
  if (!isRefused(outcome)) return { kind: 'stolen', head: outcome };
  return headIn<StealOutcome>(shard, outcome, (head) => ({ kind: 'lost', head }));
}

/** Lets nobody append until then, whoever has the lease. */
export async function quietHead(
  db: Clients,
  table: string,
  shard: string,
  until: number,
): Promise<{ readonly kind: 'quiet' } | Elsewhere> {
  const outcome = await updateHead(db, table, shard, {
    UpdateExpression: 'SET #quiet = :until',
    ConditionExpression: 'attribute_exists(#pk) AND attribute_not_exists(#home)',
    ExpressionAttributeValues: { ':until': numberOf(until) },
  });
  return isRefused(outcome) ? headIn(shard, outcome, () => ({ kind: 'quiet' as const })) : { kind: 'quiet' };
}

/** Closes the inbox for as long as this lease holds. */
export async function closeHead(
  db: Clients,
  table: string,
  shard: string,
  nonce: string,
): Promise<{ readonly kind: 'closed' | 'lost'; readonly head: Head } | Elsewhere> {
  const outcome = await updateHead(db, table, shard, {
    UpdateExpression: 'SET #closed = :nonce',
    ConditionExpression: '#nonce = :nonce AND attribute_not_exists(#home)',
    ExpressionAttributeValues: { ':nonce': { S: nonce } },
  });
  if (!isRefused(outcome)) return { kind: 'closed', head: outcome };
  return headIn(shard, outcome, (head) => ({ kind: 'lost' as const, head }));
}

export async function readHead(db: Clients, TableName: string, shard: string): Promise<Head | Elsewhere> {
  const command = new GetItemCommand({ TableName, Key: headKey(shard), ConsistentRead: true });
  const { Item } = await completed(db.patient.send(command));
  return elsewhere(Item) ?? readItem(shard, Item ?? {});
}

/** Takes an idle head out of the index of what is due. A head that is gone, or went elsewhere, has nothing to clear. */
export async function clearDue(db: Clients, table: string, shard: string, rings: number): Promise<boolean> {
  const outcome = await updateHead(db, table, shard, {
    UpdateExpression: 'REMOVE #minute, #spread',
    ...idleCondition(rings),
  });
  return !isRefused(outcome) || elsewhere(outcome.item) !== undefined;
}

/** That nobody rang since, nobody holds the lease, and the inbox is empty. */
export function idleCondition(rings: number) {
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
async function updateHead(db: Clients, table: string, shard: string, update: HeadUpdate): Promise<Head | Refused> {
  const command = new UpdateItemCommand({
    TableName: table,
    Key: headKey(shard),
    ...update,
    ExpressionAttributeNames: namesIn(update.UpdateExpression, update.ConditionExpression),
    ReturnValues: 'ALL_NEW',
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  });
  const outcome = await conditional(db.once.send(command));
  return isRefused(outcome) ? outcome : readItem(shard, outcome.Attributes ?? {});
}

export function headKey(shard: string): Item {
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
