import { readDestination } from '../../model/destination.ts';
import { BrokerError } from '../../model/errors.ts';
import type { GroupedStore, StoredGroup } from '../../store/port.ts';
import type { Broker } from '../broker.ts';
import { shardOf } from '../shards.ts';
import { listQueueNames } from './queues.ts';

/** Where a queue or a topic lives, and where it would be created. */
export type Placed = {
  /** e.g. `/queue/orders` */
  readonly destination: string;
  readonly group: string;
  readonly configured: string;
};

const topics = '/topic/';

/** @throws BrokerError NOT_SUPPORTED where there is one place for all */
export function groupsOf({ store }: Broker): GroupedStore {
  if (store.groups) return store.groups;
  throw new BrokerError(
    'NOT_SUPPORTED',
    'Destination groups are DynamoDB tables. This broker keeps everything in one place, where nothing can be moved.',
  );
}

/** The destination groups, with their tables; none where there is one place for all. */
export async function listGroups({ store }: Broker): Promise<readonly StoredGroup[]> {
  return (await store.groups?.list()) ?? [];
}

/**
 * Where queues live, and then topics, each in the order of their names, after the destination `after`; at most `limit`.
 * A topic that was made by code which kept no record of homes is not listed before it has moved.
 */
export async function listPlaced(
  broker: Broker,
  after: string,
  limit: number,
  isShown: (destination: string) => boolean,
): Promise<readonly Placed[]> {
  const { groups } = broker.store;
  if (!groups) return [];
  const queues = after < topics ? await queuesAfter(broker, after, limit, isShown) : [];
  const left = limit - queues.length;
  const rest = left > 0 ? await topicsAfter(groups, after < topics ? topics : after, left, isShown) : [];
  const placed = await Promise.all(
    [...queues, ...rest].map(async (destination) => ({ destination, ...(await groups.homeOf(destination)) })),
  );
  // One that was recorded but never used has no home yet.
  return placed.map(({ destination, group, configured }) => ({ destination, group: group ?? configured, configured }));
}

async function queuesAfter(
  broker: Broker,
  after: string,
  limit: number,
  isShown: (destination: string) => boolean,
): Promise<readonly string[]> {
  const from = after === '' ? '' : readDestination(after).name;
  const names = await listQueueNames(broker, from, limit, (name) => isShown(shardOf(name)));
  return names.map(shardOf);
}

async function topicsAfter(
  groups: GroupedStore,
  after: string,
  limit: number,
  isShown: (destination: string) => boolean,
): Promise<readonly string[]> {
  const found: string[] = [];
  for (let from: string | undefined = after; from !== undefined && found.length < limit; ) {
    const page = await groups.listHomes(from, limit);
    const shards = page.map(({ shard }) => shard).filter((shard) => shard.startsWith(topics));
    found.push(...shards.filter(isShown));
    from = page.length === limit ? page.at(-1)?.shard : undefined;
  }
  return found.slice(0, limit);
}
