import { isUtf8 } from 'node:buffer';
import type { HonoRequest } from 'hono';
import * as z from 'zod/mini';
import type { Broker } from '../broker/broker.ts';
import { checkSize } from '../broker/inbox/message-size.ts';
import { send } from '../broker/verbs/send.ts';
import type { Destination } from '../model/destination.ts';
import { BrokerError } from '../model/errors.ts';
import type { OutgoingMessage } from '../model/message.ts';
import { check } from './check.ts';
import { failureOf } from './failures.ts';
import { type SentMessage, sentBatchOf, sentMessage } from './message-schema.ts';
import { outgoingOf } from './outgoing.ts';
import { mediaTypeOf, readBytes, readJson, unsupportedType } from './request-body.ts';
import { failure, replyOf } from './results.ts';
import type { Call, Reply, Route } from './route.ts';

const sentOne = z.object({ messageId: z.string() });
const sentSeveral = z.object({ results: z.array(z.union([sentOne, z.object({ error: failure })])) });

const operations = {
  queue: { operation: 'sendMessages', summary: 'Sends one message, or a batch in its order.' },
  topic: {
    operation: 'publishMessages',
    summary: 'Sends one message, or a batch in its order, to everybody who is subscribed to the topic.',
  },
} as const;

/** Sends one message or a batch; a body that is text or octets is itself the message's. */
export function sendRoute(broker: Broker, kind: 'queue' | 'topic'): Route {
  const { operation, summary } = operations[kind];
  const sentBatch = sentBatchOf(broker.limits.batchCount);
  return {
    method: 'POST',
    path: `/v1/${kind}s/{name}/messages`,
    operation,
    summary: `${summary} What the reply confirms is durable.`,
    needs: 'write',
    body: {
      required: true,
      types: {
        'application/json': { Message: sentMessage, Batch: sentBatch },
        'text/plain': { Text: z.string() },
        'application/octet-stream': { Octets: z.string() },
      },
    },
    replies: {
      200: { description: 'Each message of the batch was sent.', schemas: { BatchResults: sentSeveral } },
      201: { description: 'The message was sent.', schemas: { Sent: sentOne } },
      207: {
        description: 'Some messages of the batch were sent, others were refused.',
        schemas: { BatchResults: sentSeveral },
      },
    },
    async handle({ request, name }: Call): Promise<Reply> {
      const destination = { kind, name };
      if (mediaTypeOf(request) !== 'application/json')
        return await sendOne(broker, destination, await readRaw(broker, request));
      const value = await readJson(request, broker.limits);
      if (typeof value === 'object' && value !== null && 'messages' in value) {
        return await sendBatch(broker, destination, check(sentBatch, value, 'The batch').messages);
      }
      const message = check(sentMessage, value, 'The message');
      return await sendOne(broker, destination, outgoingOf(message, kind, broker.limits, broker.clock.date()));
    },
  };
}

async function readRaw({ limits }: Broker, request: HonoRequest): Promise<OutgoingMessage> {
  const type = mediaTypeOf(request);
  const isText = type === 'text/plain';
  if (!isText && type !== 'application/octet-stream') {
    throw unsupportedType(type, 'application/json, text/plain or application/octet-stream');
  }
  const body = await readBytes(request, limits.bodyBytes);
  const message = { body, text: isText, headers: {} };
  checkSize(message, limits);
  if (isText && !isUtf8(body)) {
    throw new BrokerError(
      'INVALID_REQUEST',
      'The text is not valid UTF-8; other octets go as application/octet-stream.',
    );
  }
  return message;
}

async function sendOne(broker: Broker, destination: Destination, message: OutgoingMessage): Promise<Reply> {
  const [messageId] = await send(broker, destination, [message]);
  return { status: 201, json: { messageId } };
}

/** What cannot be sent is refused alone; the rest goes in one request to the broker, in its order. */
async function sendBatch(broker: Broker, destination: Destination, messages: readonly SentMessage[]): Promise<Reply> {
  const now = broker.clock.date();
  const read = messages.map((message) =>
    outgoingOrError(() => outgoingOf(message, destination.kind, broker.limits, now)),
  );
  const good = read.filter((outcome): outcome is OutgoingMessage => !(outcome instanceof BrokerError));
  const errors = read.filter((outcome) => outcome instanceof BrokerError);
  const ids = (good.length > 0 ? await send(broker, destination, good) : []).values();
  const results = read.map((outcome) =>
    outcome instanceof BrokerError ? { error: failureOf(outcome) } : { messageId: ids.next().value },
  );
  return replyOf(results, errors);
}

function outgoingOrError(read: () => OutgoingMessage): OutgoingMessage | BrokerError {
  try {
    return read();
  } catch (error) {
    if (error instanceof BrokerError) return error;
    throw error;
  }
}
