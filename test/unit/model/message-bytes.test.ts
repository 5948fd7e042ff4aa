import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Message } from '../../../lib/model/message.ts';
import { replyBytes } from '../../../lib/model/message-bytes.ts';
import { browsedOf, receivedOf } from '../../../lib/rest/incoming.ts';

const about = {
  messageId: `${'m'.repeat(16)}-999999999`,
  token: 't'.repeat(420),
  destination: `/queue/${'q'.repeat(248)}`,
  redelivered: true,
  deliveryCount: 6,
};

/** What a function's result has for it: JSON in JSON. */
function carried(shown: object): number {
  return Buffer.byteLength(JSON.stringify(JSON.stringify(shown)));
}

const text = fc.string({ unit: fc.oneof(fc.constantFrom('"', '\\', '\n', '\t', '\u0001', '\u007f'), fc.string()) });
const names = fc.oneof(fc.constantFrom('reply-to', 'priority', 'expires', 'content-type'), text);
const bodies = fc.oneof(
  text.map((value) => Buffer.from(value)),
  fc.uint8Array().map((octets) => Buffer.from(octets)),
);

describe('what a message takes of a reply', () => {
  it('is counted for no less than it is, whatever it holds, and hardly for more', () => {
    fc.assert(
      fc.property(bodies, fc.dictionary(names, text), (body, headers) => {
        const message: Message = { body, text: true, headers, timestamp: 1_700_000_000_000 };
        const counted = replyBytes(message);
        const received = carried(receivedOf({ message, ...about }));
        const browsed = carried(browsedOf({ message, ...about, sequence: 999_999_999, inFlight: true }));
        expect(counted).toBeGreaterThanOrEqual(Math.max(received, browsed));
        expect(counted).toBeLessThanOrEqual(1.5 * received + 1536);
      }),
    );
  });
});
