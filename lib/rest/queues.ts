import * as z from 'zod/mini';
import type { Broker } from '../broker/parts.ts';
import { createQueue, deleteQueue, describeQueue, listQueues, purgeQueue, type QueueInfo } from '../broker/queues.ts';
import { check } from './check.ts';
import { nextOf, nextPage, pageQuery } from './paging.ts';
import type { Call, Route } from './route.ts';

const count = z.int().check(z.gte(0));

const queueInfo = z.object({
  name: z.string(),
  depth: count.check(z.describe('Messages that are ready.')),
  inFlight: count.check(z.describe('Messages with a consumer, unacknowledged.')),
  consumers: count,
  oldestAgeSeconds: count.check(z.describe('How long ago the oldest unconsumed message came; 0 if there is none.')),
  counts: z
    .object({ sent: count, acknowledged: count, deadLettered: count, expired: count, purged: count, dropped: count })
    .check(z.describe('What became of all that was ever sent to it.')),
  damaged: z.optional(
    z.boolean().check(z.describe('True if what is stored of it cannot be read: its figures are unknown, given as 0.')),
  ),
}) satisfies z.ZodMiniType<QueueInfo>;

/** A queue as it stands. */
export type Queue = z.infer<typeof queueInfo>;

const listing = z.object({
  queues: z.array(queueInfo),
  next: nextPage,
});

const purged = z.object({ purged: count });

const query = pageQuery('queues');

/** Lists, creates, describes, empties and deletes queues. */
export function queueRoutes(broker: Broker): readonly Route[] {
  const path = '/v1/queues/{name}';
  const info = { 200: { description: 'The queue as it stands.', schemas: { Queue: queueInfo } } };
  return [
    {
      method: 'GET',
      path: '/v1/queues',
      operation: 'listQueues',
      summary: 'Lists the queues that one administers, in the order of their names.',
      needs: 'credentials',
      query,
      replies: { 200: { description: 'A page.', schemas: { QueuePage: listing } } },
      handle: (call) => list(broker, call),
    },
    {
      method: 'GET',
      path,
      operation: 'describeQueue',
      summary: 'Describes a queue.',
      needs: 'admin',
      replies: info,
      handle: async ({ name }) => ({ status: 200, json: await describeQueue(broker, name) }),
    },
    {
      method: 'PUT',
      path,
      operation: 'createQueue',
      summary: 'Creates a queue; one that exists stays as it is. Sending creates queues, too.',
      needs: 'admin',
      replies: info,
      handle: async ({ name }) => ({ status: 200, json: await createQueue(broker, name) }),
    },
    {
      method: 'DELETE',
      path,
      operation: 'deleteQueue',
      summary: 'Deletes a queue with all its messages; not while it has consumers.',
      needs: 'admin',
      replies: { 204: { description: 'It is gone.' } },
      async handle({ name }) {
        await deleteQueue(broker, name);
        return { status: 204 };
      },
    },
  ];
}

/** Empties a queue. */
export function purgeRoute(broker: Broker): Route {
  return {
    method: 'DELETE',
    path: '/v1/queues/{name}/messages',
    operation: 'purgeQueue',
    summary: 'Drops all ready messages; those in flight stay with their consumers.',
    needs: 'admin',
    replies: { 200: { description: 'How many were ready.', schemas: { Purged: purged } } },
    handle: async ({ name }) => ({ status: 200, json: { purged: await purgeQueue(broker, name) } }),
  };
}

async function list(broker: Broker, { request, grants }: Call) {
  grants?.demandAdminOfSome();
  const { after, limit } = check(query, request.query(), 'The query');
  const isShown = grants && ((name: string) => grants.may('admin', `/queue/${name}`));
  const queues = await listQueues(broker, after, limit, isShown);
  return { status: 200, json: { queues, ...nextOf(queues, limit) } };
}
