import * as z from 'zod/mini';
import type { Broker } from '../broker/broker.ts';
import { shardAt } from '../broker/shards.ts';
import { listGroups, listPlaced, type Placed } from '../broker/verbs/groups.ts';
import { moveShard } from '../broker/verbs/move.ts';
import { parseDestination } from '../model/destination.ts';
import { check, fields } from './check.ts';
import { nextPage, pageQuery } from './paging.ts';
import { readJson } from './request-body.ts';
import type { Call, Route } from './route.ts';

const groupInfo = z.object({
  name: z.string(),
  table: z.string().check(z.describe('The DynamoDB table of its destinations.')),
  destinations: z.array(z.string()).check(z.describe('The patterns of new destinations that go to it.')),
  isConfigured: z
    .boolean()
    .check(z.describe('False for a group that was taken out of the configuration, whose table may hold destinations.')),
});

const placed = z.object({
  destination: z.string(),
  group: z.string().check(z.describe('The group that it lives in.')),
  configured: z.string().check(z.describe('The group that it would be created in.')),
}) satisfies z.ZodMiniType<Placed>;

const listing = z.object({
  groups: z.array(groupInfo).check(z.describe('None where everything is kept in one place.')),
  destinations: z.array(placed),
  next: nextPage,
});

/** Groups, and a page of where destinations live. */
export type GroupPage = z.infer<typeof listing>;

const asked = fields({
  destination: z.string().check(z.describe('A queue or a topic: /queue/orders.')),
  to: z.optional(z.string().check(z.describe('The group. Default: the one that it would be created in.'))),
});

const step = z.object({
  destination: z.string(),
  group: z.string().check(z.describe('The group that it lives in now.')),
  isDone: z.boolean().check(z.describe('False if there is more to do: the same request goes on with it.')),
});

/** How far the move of a destination has come. */
export type MoveStep = z.infer<typeof step>;

const query = pageQuery('destinations');

/** Shows where destinations live, and moves them from group to group. */
export function groupRoutes(broker: Broker): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/groups',
      operation: 'listGroups',
      summary: 'Lists the destination groups, and where the queues and topics live that one administers.',
      needs: 'credentials',
      query,
      replies: { 200: { description: 'The groups, and a page of destinations.', schemas: { GroupPage: listing } } },
      handle: (call) => list(broker, call),
    },
    {
      method: 'POST',
      path: '/v1/groups/move',
      operation: 'moveDestination',
      summary:
        'Moves a queue or a topic to another group, with all in it. It stays in use; a long one takes several requests.',
      needs: 'credentials',
      audited: 'destination moved',
      body: { required: true, types: { 'application/json': { Move: asked } } },
      replies: { 200: { description: 'How far it has come.', schemas: { MoveStep: step } } },
      handle: (call) => move(broker, call),
    },
  ];
}

async function list(broker: Broker, { request, grants }: Call) {
  grants?.demandAdminOfSome();
  const { after, limit } = check(query, request.query(), 'The query');
  const isShown = (destination: string) => grants?.may('admin', destination) ?? true;
  const [groups, destinations] = await Promise.all([listGroups(broker), listPlaced(broker, after, limit, isShown)]);
  const last = destinations.length === limit ? destinations.at(-1)?.destination : undefined;
  return { status: 200, json: { groups, destinations, ...(last === undefined ? {} : { next: last }) } };
}

async function move(broker: Broker, { request, grants }: Call) {
  const { destination, to } = check(asked, await readJson(request, broker.limits), 'The request');
  const shard = shardAt(parseDestination(destination, broker.limits));
  grants?.demand('admin', shard);
  return { status: 200, json: { destination: shard, ...(await moveShard(broker, shard, to)) }, what: shard };
}
