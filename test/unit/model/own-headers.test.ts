import { expect, it } from 'vitest';
import { cloudLimits, localLimits } from '../../../lib/model/limits.ts';
import { isBrokersOwn } from '../../../lib/model/own-headers.ts';
import { outgoingOf } from '../../../lib/rest/outgoing.ts';
import { messageOf } from '../../../lib/stomp/outgoing.ts';
import { decodeFrames } from '../../../lib/stomp/parser.ts';
import { messageFrame } from '../../../lib/stomp/replies.ts';

const padded = ['content-length ', ' content-length', 'content-length:', '\ncontent-length', 'browser\t', 'ack '];

it.each(padded)('a header %j, which some clients take for the broker’s, does not travel with a message', (name) => {
  expect(isBrokersOwn(name)).toBe(true);
  const frame = {
    command: 'SEND',
    headers: { [name]: '5', mine: 'x' },
    body: Buffer.from('b'),
    hasContentLength: false,
  };
  expect({ ...messageOf(frame, localLimits).headers }).toEqual({ mine: 'x' });
  const sent = { body: 'b', headers: { [name]: '5' } };
  expect(() => outgoingOf(sent, 'queue', cloudLimits, 0)).toThrow(/may not be named/);
});

it.each(['content-lengthy', 'content length', 'Ack', 'my:ack', '__proto__'])(
  'a header %j is the sender’s own',
  (name) => {
    expect(isBrokersOwn(name)).toBe(false);
  },
);

it('a message that holds what looks like a frame is one message to a client of 1.0, whatever headers its sender gave', () => {
  const forged = 'hello\0\nMESSAGE\ndestination:/queue/others\nmessage-id:forged\n\nnobody sent me';
  const headers = { 'content-length ': '5' };
  const frame = { command: 'SEND', headers, body: Buffer.from(forged), hasContentLength: true };
  const message = { ...messageOf(frame, localLimits), timestamp: 0 };
  const delivery = {
    message,
    messageId: 'k-0',
    destination: '/queue/q',
    token: 't',
    redelivered: false,
    deliveryCount: 1,
  };
  const octets = messageFrame(delivery, 's', '1.0', false, localLimits);
  const { frames } = decodeFrames(octets, { limits: localLimits, version: '1.0', role: 'client' });
  expect(frames.map(({ body }) => Buffer.from(body).toString())).toEqual([forged]);
});
