import type { Context } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import { dispatchHandler } from '../../../lib/handlers/dispatch.ts';
import { cloudLimits } from '../../../lib/model/limits.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';
import { environmentOn } from '../broker/environment.ts';
import { restCalls } from './rest-calls.ts';

const CONTROLS = '\u0001'.repeat(125 * 1024);
const QUOTES = Object.fromEntries(Array.from({ length: 5 }, (_, i) => [`h${i}`, '"'.repeat(8000)]));

const messages = {
  'bodies of control characters': { count: 12, message: { body: CONTROLS } },
  'headers of quotes': { count: 120, message: { body: 'x', headers: QUOTES } },
};

const MiB = 1024 * 1024;
/** What a function's result has besides the messages. */
const ENVELOPE_BYTES = 1024;

async function given({ count, message }: { count: number; message: object }, limits = cloudLimits) {
  const store = new MemoryStore();
  const dispatch = dispatchHandler(environmentOn(store));
  const environment = environmentOn(store, {
    limits,
    dispatch: (shard, nonce) => dispatch({ shard, nonce }, {} as Context),
  });
  const call = restCalls(environment, limits === cloudLimits ? undefined : limits.replyBytes + ENVELOPE_BYTES);
  for (let i = 0; i < count; i++) await call('POST', '/v1/queues/q/messages', message);
  return call;
}

describe.each(Object.entries(messages))('a reply of the REST function, with %s,', (_, sent) => {
  it('carries no more messages than Lambda hands on, and the next receive brings the rest', async () => {
    const call = await given(sent);
    const attempts: number[] = [];
    for (let received = 1; received > 0; ) {
      const { messages: taken } = await call('POST', '/v1/queues/q/receive', { max: 100 });
      received = taken.length;
      attempts.push(...taken.map((message: { deliveryCount: number }) => message.deliveryCount));
    }
    expect(attempts).toEqual(Array.from({ length: sent.count }, () => 1));
  });

  it('shows no more messages than a reply may carry, and says where the next page begins', async () => {
    const call = await given(sent, { ...cloudLimits, replyBytes: MiB });
    let shown = 0;
    for (let after: number | undefined = 0; after !== undefined; ) {
      const page = await call('GET', `/v1/queues/q/messages?limit=1000&after=${after}`);
      shown += page.messages.length;
      after = page.next;
    }
    expect(shown).toBe(sent.count);
  });
});
