import type { Context } from 'aws-lambda';
import { expect, it } from 'vitest';
import { checkSize } from '../../../lib/broker/inbox/message-size.ts';
import { describeQueue } from '../../../lib/broker/verbs/queues.ts';
import { connectHandler } from '../../../lib/handlers/connect.ts';
import { frameHandler } from '../../../lib/handlers/frame.ts';
import { cloudLimits, localLimits } from '../../../lib/model/limits.ts';
import type { Delivery } from '../../../lib/model/message.ts';
import { encodeToken } from '../../../lib/shard/codec/token.ts';
import { messageFrame } from '../../../lib/stomp/replies.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';
import { environmentOn } from './environment.ts';

/** What API Gateway takes in one post. */
const POST_BYTES = 128 * 1024;

function delivered(message: Delivery['message'], queue: string): number {
  const incarnation = 'abcdef';
  const stamp = { shard: `/queue/${queue}`, incarnation, backlog: true, cumulative: true };
  const token = encodeToken({ ...stamp, sequence: 2 ** 48 - 1, attempt: 1000 });
  const delivery = { message, messageId: `${'k'.repeat(16)}-999999999`, destination: stamp.shard, token };
  const subscription = ':'.repeat(cloudLimits.subscriptionIdBytes);
  const flags = { redelivered: false, deliveryCount: 1000 };
  return messageFrame({ ...delivery, ...flags }, subscription, '1.2', false, cloudLimits).byteLength;
}

it.each([
  ['text', Buffer.alloc(120 * 1024, 'x'), true],
  ['octets, as base64', Buffer.alloc(90 * 1024, 0xff), false],
])('the largest message of %s fits a post, with the longest of all that the broker adds', (_what, body, text) => {
  const queue = `DLQ.${'q'.repeat(240)}`;
  const headers: Record<string, string> = {
    'original-destination': `/queue/${'q'.repeat(240)}`,
    'original-message-id': `${'k'.repeat(16)}-999999999`,
    'delivery-count': '1000',
    'dead-letter-reason': 'deliveries exhausted',
  };
  const own: Record<string, string> = {};
  const message = { body, text, headers: own };
  const fits = () => {
    try {
      checkSize(message, cloudLimits);
      return true;
    } catch {
      return false;
    }
  };
  for (let i = 0; fits(); i++) own[`h${i}`] = '::::::::';
  expect(Object.keys(own).length).toBeGreaterThan(10);
  const frame = delivered({ ...message, headers: { ...own, ...headers }, timestamp: 1e13 }, queue);
  expect(frame).toBeGreaterThan(120 * 1024);
  expect(frame).toBeLessThan(POST_BYTES);
});

it('a local broker takes what any body and any headers within their limits may need', () => {
  const headers = Object.fromEntries(Array.from({ length: localLimits.headerCount }, (_, i) => [`h${i}`, '']));
  for (const name in headers) headers[name] = 'x'.repeat(localLimits.headerBytes - name.length - 1);
  expect(() =>
    checkSize({ body: Buffer.alloc(localLimits.bodyBytes), text: true, headers }, localLimits),
  ).not.toThrow();
});

it('a SEND whose message no post could carry is refused before anything is written', async () => {
  const posted: string[] = [];
  const push = {
    post: async (_connection: string, octets: Uint8Array) => {
      posted.push(Buffer.from(octets).toString());
      return 'sent' as const;
    },
    close: async () => {},
    isOpen: async () => true,
  };
  const environment = environmentOn(new MemoryStore(), { push });
  const event = { requestContext: { connectionId: 'c' } };
  const context = {} as Context;
  await connectHandler(environment)(event, context);
  await frameHandler(environment)({ ...event, body: 'CONNECT\naccept-version:1.2\nhost:a\n\n\0' }, context);
  const body = 'x'.repeat(127 * 1024);
  await frameHandler(environment)({ ...event, body: `SEND\ndestination:q\nreceipt:r\n\n${body}\0` }, context);
  expect(posted.at(-1)).toMatch(/^ERROR\n[\s\S]*code:BODY_TOO_LARGE\nreceipt-id:r\n/);
  await expect(describeQueue(environment.broker, 'q')).rejects.toMatchObject({ code: 'NOT_FOUND' });
});
