import * as z from 'zod/mini';
import { type Browsed, browse } from '../broker/browse.ts';
import type { Broker } from '../broker/parts.ts';
import { check, fields } from './check.ts';
import { browsedOf } from './incoming.ts';
import { browsedMessage } from './message-schema.ts';
import type { Call, Reply, Route } from './route.ts';

const LIMIT = 100;
/** How many messages to look at before it is known how large they are. */
const FIRST = 16;

const page = z.object({
  messages: z.array(browsedMessage),
  next: z.optional(z.int().check(z.describe('Present if there may be more: the "after" of the next page.'))),
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
      const { messages, more } = await look(broker, name, after, limit);
      const next = more ? messages.at(-1)?.sequence : undefined;
      return { status: 200, json: { messages: messages.map(browsedOf), ...(next === undefined ? {} : { next }) } };
    },
  };
}

/** Looks at as many messages at a time as a reply can hold, by the size of those before. */
async function look(
  broker: Broker,
  queue: string,
  after: number,
  limit: number,
): Promise<{ messages: readonly Browsed[]; more: boolean }> {
  const most = broker.limits.batchBytes;
  const messages: Browsed[] = [];
  let bytes = 0;
  for (let count = FIRST; ; count = Math.ceil((most - bytes) / Math.max(1, bytes / messages.length))) {
    const wanted = Math.min(count, limit - messages.length);
    const found = await browse(broker, queue, messages.at(-1)?.sequence ?? after, wanted);
    for (const browsed of found) {
      bytes += browsed.message.body.byteLength;
      if (bytes > most && messages.length > 0) return { messages, more: true };
      messages.push(browsed);
    }
    if (found.length < wanted) return { messages, more: false };
    if (messages.length === limit || bytes >= most) return { messages, more: true };
  }
}
