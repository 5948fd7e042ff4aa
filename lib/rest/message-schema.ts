import * as z from 'zod/mini';
import { fields } from './check.ts';

/** As many digits as the `expires` header may have. */
const LATEST_MS = 999_999_999_999_999;
const LONGEST_MS = 99_999_999_999_999;

/** Half of a surrogate pair has no UTF-8: it would arrive as another character. */
function text(description: string) {
  const error = 'holds half of a surrogate pair, which is no text';
  return z.string().check(
    z.refine((value) => value.isWellFormed(), { error }),
    z.describe(description),
  );
}

const content = {
  body: text('The text; with contentEncoding "base64", octets in base64 with its padding.'),
  contentEncoding: z.optional(z.literal('base64').check(z.describe('Present where the body is base64.'))),
  headers: z.optional(
    z
      .record(z.string(), text('The value.'))
      .check(z.describe('Custom headers; standard ones have fields of their own.')),
  ),
  persistent: z.optional(
    z.boolean().check(z.describe('Whether the message outlives a crash. Without it, messages are persistent.')),
  ),
  priority: z.optional(z.int().check(z.gte(0), z.lte(9), z.describe('Advisory.'))),
  expires: z.optional(
    z
      .int()
      .check(z.gte(0), z.lte(LATEST_MS), z.describe('When it expires, in milliseconds since the epoch; 0: never.')),
  ),
  replyTo: z.optional(text('Where a reply is expected, e.g. /queue/replies.')),
  correlationId: z.optional(text('What a reply refers to.')),
  contentType: z.optional(text("The body's media type.")),
  type: z.optional(text("The application's name for messages of this kind.")),
};

const sent = {
  ...content,
  timeToLiveMs: z.optional(
    z
      .int()
      .check(
        z.gte(0),
        z.lte(LONGEST_MS),
        z.describe('How long until it expires, in milliseconds; 0: never. In place of expires.'),
      ),
  ),
};

/** A message as its sender gives it. @see JMS 3.1 §3.4 for the standard fields */
export const sentMessage = fields(sent).check(
  z.meta({ examples: [{ body: 'hello', priority: 4, headers: { tenant: 'acme' } }] }),
);

export type SentMessage = z.infer<typeof sentMessage>;

/** The same, with where it goes to. */
export const addressedMessage = fields({
  destination: text('Where it goes to: /queue/{name} or /topic/{name}; a bare name is a queue.'),
  ...sent,
});

/** @param most how many messages one request may hold */
export function sentBatchOf(most: number) {
  return fields({ messages: z.array(sentMessage).check(z.minLength(1), z.maxLength(most)) }).check(
    z.meta({ examples: [{ messages: [{ body: 'one' }, { body: 'Av8=', contentEncoding: 'base64' }] }] }),
  );
}

const kept = {
  ...content,
  messageId: z.string().check(z.describe('The same over all redeliveries.')),
  text: z.boolean().check(z.describe('True if its sender meant text, and not octets.')),
  headers: z.record(z.string(), z.string()),
  redelivered: z.boolean().check(z.describe('True if some consumer may have had it before.')),
  timestamp: z.int().check(z.describe('When the broker took it, in milliseconds since the epoch.')),
};

/** A message that was received. */
export const receivedMessage = z.object({
  ...kept,
  token: z.string().check(z.describe('Acknowledges, rejects or extends this delivery.')),
  queue: z.string(),
  deliveryCount: z
    .int()
    .check(z.gte(1), z.describe('Deliveries that ended unacknowledged, plus this one; from 2 if redelivered.')),
});

export type ReceivedMessage = z.infer<typeof receivedMessage>;

/** A message as a browse shows it. */
export const browsedMessage = z.object({
  ...kept,
  sequence: z.int().check(z.describe("Its place in the queue's order.")),
  inFlight: z.boolean().check(z.describe('True while it is with a consumer.')),
});

export type BrowsedMessage = z.infer<typeof browsedMessage>;
