import * as z from 'zod/mini';
import type { Broker } from '../broker/broker.ts';
import { browse } from '../broker/verbs/browse.ts';
import { check, fields } from './check.ts';
import { browsedOf } from './incoming.ts';
import { browsedMessage } from './message-schema.ts';
import type { Call, Reply, Route } from './route.ts';

const LIMIT = 100;

const page = z.object({
  messages: z.array(browsedMessage),
  next: z.optional(
    z.int().check(z.describe('Present if there may be more, after an empty page too: the "after" of the next.')),
  ),
});

/** Shows the messages of a queue, page by page. */
export function browseRoute(broker: Broker): Route {
  const query = fields({
    limit: z._default(
      z.coerce.number().check(z.int(), z.gte(1), z.lte(broker.limits.browseCount), z.describe('The most to show.')),
      LIMIT,
    ),
    after: z._default(
      z.coerce.number().check(z.int(), z.gte(0), z.describe('The sequence of the last message shown before.')),
      0,
    ),
  });
  return {
    method: 'GET',
    path: '/v1/queues/{name}/messages',
    operation: 'browseMessages',
    summary: 'Shows messages that are not consumed yet, in their order, without taking them.',
    needs: 'read',
    query,
    replies: { 200: { description: 'A page; a large one is cut short.', schemas: { MessagePage: page } } },
    async handle({ request, name }: Call): Promise<Reply> {
      const { limit, after } = check(query, request.query(), 'The query');
      const { messages, next } = await browse(broker, name, after, limit);
      return { status: 200, json: { messages: messages.map(browsedOf), ...(next === undefined ? {} : { next }) } };
    },
  };
}
