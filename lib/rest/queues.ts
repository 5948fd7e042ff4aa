import * as z from 'zod/mini';
import type { Broker } from '../broker/broker.ts';
import {
  createQueue,
  deleteQueue,
  describeQueue,
  listQueues,
  purgeQueue,
  type QueueInfo,
} from '../broker/verbs/queues.ts';
import { check } from './check.ts';
import { nextOf, nextPage, pageQuery } from './paging.ts';
import type { Call, Route } from './route.ts';

const count = z.int().check(z.gte(0));

const queueInfo = z.object({
  name: z.string(),
  depth: count.check(
    z.describe('Messages that are ready, and those whose time has passed that have not come to the front yet.'),
  ),
  inFlight: count.check(
    z.describe('Messages with a consumer, unacknowledged, or on their way to the dead-letter queue.'),
  ),
  delayed: count.check(z.describe('Messages that were rejected for a while, and are ready again later.')),
  deadLettersWaiting: count.check(
    z.describe('Those in flight that the dead-letter queue does not take now: they wait, and are tried again.'),
  ),
  sentOnWaiting: count.check(
    z.describe('Messages that transactions sent from here to other destinations, which have not taken them yet.'),
  ),
  heldUp: z.optional(
    z
      .boolean()
      .check(z.describe('True while nothing is delivered, since so many dead letters wait, or delayed messages.')),
  ),
  missing: count.check(
    z.describe('Messages that nobody can deliver, since their bodies are missing. A purge removes them.'),
  ),
  consumers: count,
  oldestAgeSeconds: count.check(z.describe('How long ago the oldest unconsumed message came; 0 if there is none.')),
  counts: z
    .object({ sent: count, acknowledged: count, deadLettered: count, expired: count, purged: count, dropped: count })
    .check(z.describe('What became of all that was ever sent to it.')),
  damaged: z.optional(
    z.boolean().check(z.describe('True if what is stored of it cannot be read: its figures are unknown, given as 0.')),
  ),
  unavailable: z.optional(
    z.boolean().check(z.describe('True if it could not be read now: its figures are unknown, given as 0.')),
  ),
}) satisfies z.ZodMiniType<QueueInfo>;

/** A queue as it stands. */
export type Queue = z.infer<typeof queueInfo>;

const listing = z.object({
  queues: z.array(queueInfo),
  next: nextPage,
});

const purged = z.object({ purged: count });

const deletedDamaged = z.object({
  damaged: z.literal(true),
  lost: z.object({
    messages: z.optional(
      count.check(z.describe('Messages that it was known to hold, with a consumer or without; absent if unknown.')),
    ),
    requests: z.optional(
      count.check(z.describe('Sends and acknowledgements that it had not carried out yet; absent if unknown.')),
    ),
  }),
});

/** What went with a queue that was damaged. */
export type DeletedDamaged = z.infer<typeof deletedDamaged>;

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
      audited: 'queue deleted',
      summary: 'Deletes a queue with all its messages; not while it has consumers, unless it is damaged.',
      needs: 'admin',
      replies: {
        200: { description: 'It was damaged, and is gone.', schemas: { DeletedDamaged: deletedDamaged } },
        204: { description: 'It is gone.' },
      },
      async handle({ name }) {
        const lost = await deleteQueue(broker, name);
        return lost ? { status: 200, json: { damaged: true, lost } } : { status: 204 };
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
    audited: 'queue purged',
    summary: 'Drops all messages that are ready, delayed or missing; those in flight stay with their consumers.',
    needs: 'admin',
    replies: { 200: { description: 'How many it dropped.', schemas: { Purged: purged } } },
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
