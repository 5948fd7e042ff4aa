import { beforeEach, describe, expect, it } from 'vitest';
import { browse } from '../../../lib/broker/verbs/browse.ts';
import { ApiClient } from './api-client.ts';

const messages = '/v1/queues/orders/messages';

let api: ApiClient;
beforeEach(() => {
  api = new ApiClient();
});

async function kept(queue = 'orders') {
  const found = await browse(api.broker, queue, 0, 100);
  return found.messages.map(({ message: { body, text, headers } }) => ({ body: Buffer.from(body), text, headers }));
}

describe('one message', () => {
  it('is answered with its id, 201', async () => {
    const { status, json } = await api.post(messages, { body: 'hello' });
    expect(status).toBe(201);
    expect(json).toEqual({ messageId: expect.stringMatching(/^[\w-]{16}-0$/) });
    expect(await kept()).toEqual([{ body: Buffer.from('hello'), text: true, headers: {} }]);
  });

  it('carries its fields as headers of STOMP names, and its custom headers', async () => {
    const message = {
      body: '{}',
      persistent: false,
      priority: 9,
      expires: 999_999_999_999_999,
      replyTo: '/queue/replies',
      correlationId: 'c1',
      contentType: 'application/json',
      type: 'order',
      headers: { tenant: 'acme', 'x:y': 'a\nb' },
    };
    expect((await api.post(messages, message)).status).toBe(201);
    expect((await kept())[0]?.headers).toEqual({
      persistent: 'false',
      priority: '9',
      expires: '999999999999999',
      'reply-to': '/queue/replies',
      'correlation-id': 'c1',
      'content-type': 'application/json',
      type: 'order',
      tenant: 'acme',
      'x:y': 'a\nb',
    });
  });

  it('expires after its time to live', async () => {
    const before = Date.now();
    await api.post(messages, { body: '', timeToLiveMs: 60_000 });
    const expires = Number((await kept())[0]?.headers.expires);
    expect(expires).toBeGreaterThanOrEqual(before + 60_000);
    expect(expires).toBeLessThanOrEqual(Date.now() + 60_000);
  });

  it('never expires with a time to live of 0', async () => {
    await api.post(messages, { body: '', timeToLiveMs: 0 });
    expect((await kept())[0]?.headers).toEqual({ expires: '0' });
  });

  it('with base64 is octets', async () => {
    await api.post(messages, { body: 'AP8=', contentEncoding: 'base64' });
    expect(await kept()).toEqual([{ body: Buffer.from([0, 255]), text: false, headers: {} }]);
  });

  it('may be the request body itself, as text', async () => {
    expect((await api.raw(messages, '{"a": ü}', 'text/plain; charset=utf-8')).status).toBe(201);
    expect(await kept()).toEqual([{ body: Buffer.from('{"a": ü}'), text: true, headers: {} }]);
  });

  it('may be the request body itself, as octets', async () => {
    expect((await api.raw(messages, new Uint8Array([0, 255, 10]), 'application/octet-stream')).status).toBe(201);
    expect(await kept()).toEqual([{ body: Buffer.from([0, 255, 10]), text: false, headers: {} }]);
  });

  it('may be empty', async () => {
    expect((await api.raw(messages, '', 'text/plain')).status).toBe(201);
    expect((await api.post(messages, { body: '' })).status).toBe(201);
    expect((await kept()).map(({ body }) => body.length)).toEqual([0, 0]);
  });

  it.each([
    'destination',
    'message-id',
    'subscription',
    'ack',
    'redelivered',
    'timestamp',
    'content-length',
    'receipt',
  ])('may not have a custom header "%s", which is the broker\'s', async (name) => {
    const { status, json } = await api.post(messages, { body: '', headers: { [name]: 'x' } });
    expect(status).toBe(400);
    expect(json.error.code).toBe('INVALID_HEADER');
    expect(json.error.message).toContain(`"${name}"`);
  });

  it('is told which field to use in place of a standard header', async () => {
    const { json } = await api.post(messages, { body: '', headers: { 'reply-to': 'x' } });
    expect(json.error.message).toContain('the field "replyTo"');
  });

  it.each([
    ['a header with a NUL', { body: '', headers: { a: 'b\0' } }, 'INVALID_HEADER'],
    ['a header without a name', { body: '', headers: { '': 'b' } }, 'INVALID_HEADER'],
    ['half of a surrogate pair in a header name', { body: '', headers: { '\ud800': 'b' } }, 'INVALID_HEADER'],
    ['half of a surrogate pair', { body: '\ud800' }, 'INVALID_REQUEST'],
    ['two times of expiry', { body: '', expires: 1, timeToLiveMs: 1 }, 'INVALID_REQUEST'],
    ['base64 without padding', { body: 'AP8', contentEncoding: 'base64' }, 'INVALID_REQUEST'],
    ['another content encoding', { body: '', contentEncoding: 'gzip' }, 'INVALID_REQUEST'],
    ['a header that is no string', { body: '', headers: { a: 1 } }, 'INVALID_REQUEST'],
    ['a fraction as priority', { body: '', priority: 1.5 }, 'INVALID_REQUEST'],
    ['no body', { priority: 1 }, 'INVALID_REQUEST'],
    ['an array', [], 'INVALID_REQUEST'],
    ['null', null, 'INVALID_REQUEST'],
    ['a header named __proto__ by an escape', '{"body":"","headers":{"\\u005f_proto__":"x"}}', 'INVALID_REQUEST'],
    ['a header named __proto__', '{"body":"","headers":{"__proto__":"x"}}', 'INVALID_REQUEST'],
  ])('with %s is refused', async (_, message, code) => {
    const { status, json } = await api.post(messages, message);
    expect(status).toBe(400);
    expect(json.error).toMatchObject({ code, retryable: false });
    await expect(kept()).rejects.toThrow('no queue');
  });

  it('with a field that is misspelt is told which there are', async () => {
    const { json } = await api.post(messages, { body: '', prioirty: 1 });
    expect(json.error.message).toContain('has no field "prioirty"; its fields are body, contentEncoding');
  });

  it('with too many or too long headers is refused', async () => {
    api = new ApiClient({ headerCount: 2, headerBytes: 8 });
    const many = await api.post(messages, { body: '', headers: { a: '', b: '', c: '' } });
    expect(many.json.error.code).toBe('LIMIT_EXCEEDED');
    const long = await api.post(messages, { body: '', headers: { a: '1234567' } });
    expect(long.json.error.code).toBe('LIMIT_EXCEEDED');
    expect((await api.post(messages, { body: '', headers: { a: '123456' } })).status).toBe(201);
  });
});

describe('a body over the limit', () => {
  beforeEach(() => {
    api = new ApiClient({ bodyBytes: 4, batchBytes: 100 });
  });

  it('is refused in a message', async () => {
    const { status, json } = await api.post(messages, { body: 'ab€' });
    expect(status).toBe(413);
    expect(json.error).toMatchObject({ code: 'BODY_TOO_LARGE', details: { bodyBytes: 5, bodyBytesMax: 4 } });
    expect((await api.post(messages, { body: 'a€' })).status).toBe(201);
  });

  it('is refused as a request body', async () => {
    expect((await api.raw(messages, '12345', 'text/plain')).json.error.code).toBe('BODY_TOO_LARGE');
    expect((await api.raw(messages, '1234', 'text/plain')).status).toBe(201);
  });

  it('refuses its entry of a batch alone', async () => {
    const { status, json } = await api.post(messages, { messages: [{ body: 'a' }, { body: '12345' }, { body: 'b' }] });
    expect(status).toBe(207);
    expect(json.results).toEqual([
      { messageId: expect.any(String) },
      { error: expect.objectContaining({ code: 'BODY_TOO_LARGE', retryable: false }) },
      { messageId: expect.any(String) },
    ]);
    expect((await kept()).map(({ body }) => String(body))).toEqual(['a', 'b']);
  });

  it('refuses the whole request beyond four batches, before it is parsed', async () => {
    const { status, json } = await api.post(messages, 'x'.repeat(401));
    expect(status).toBe(413);
    expect(json.error).toMatchObject({ code: 'BODY_TOO_LARGE', details: { requestBytesMax: 400 } });
    const body = new ReadableStream({
      pull: (controller) => controller.enqueue(Buffer.alloc(100, 120)),
    });
    const init = { body, duplex: 'half', headers: { 'content-type': 'application/json' } } as RequestInit;
    expect((await api.request('POST', messages, init)).json.error.code).toBe('BODY_TOO_LARGE');
  });
});

describe('a batch', () => {
  it('is sent in its order', async () => {
    const bodies = Array.from({ length: 50 }, (_, i) => ({ body: String(i) }));
    const { status, json } = await api.post(messages, { messages: bodies });
    expect(status).toBe(200);
    expect(new Set(json.results.map((result: { messageId: string }) => result.messageId)).size).toBe(50);
    expect((await kept()).map(({ body }) => String(body))).toEqual(bodies.map(({ body }) => body));
  });

  it('of which nothing can be sent fails, with the outcome of each', async () => {
    const bad = { body: '', headers: { ack: '' } };
    const { status, json } = await api.post(messages, { messages: [bad, bad] });
    expect(status).toBe(400);
    expect(json.error.code).toBe('INVALID_HEADER');
    expect(json.results).toHaveLength(2);
  });

  it.each([
    [{ messages: [] }, 'messages must have at least 1 entries'],
    [{ messages: [{ body: '' }, { body: '', priority: 10 }] }, 'messages[1].priority must be at most 9'],
    [{ messages: [{}] }, 'messages[0].body is missing: it must be a string'],
    [{ messages: 'x' }, 'messages must be an array'],
    [{ messages: [{ body: '' }, { body: '' }, { body: '' }] }, 'messages must have at most 2 entries'],
  ])('is refused where it is not as described: %j', async (batch, why) => {
    api = new ApiClient({ batchCount: 2 });
    const { status, json } = await api.post(messages, batch);
    expect(status).toBe(400);
    expect(json.error.code).toBe('INVALID_REQUEST');
    expect(json.error.message).toContain(why);
  });
});

describe('a request body', () => {
  it('that is no JSON is refused', async () => {
    const { status, json } = await api.post(messages, '{"body":');
    expect(status).toBe(400);
    expect(json.error.code).toBe('INVALID_REQUEST');
    expect(json.error.message).toContain('not valid JSON');
  });

  it.each(['application/json', 'text/plain'])('that is no UTF-8 is refused as %s', async (type) => {
    const { status, json } = await api.raw(messages, new Uint8Array([34, 0xc3, 0x28, 34]), type);
    expect(status).toBe(400);
    expect(json.error.message).toContain('not valid UTF-8');
  });

  it('of another type is refused, 415', async () => {
    const { status, json } = await api.raw(messages, 'a=b', 'application/x-www-form-urlencoded');
    expect(status).toBe(415);
    expect(json.error.message).toContain('application/json, text/plain or application/octet-stream');
    expect((await api.request('POST', messages)).status).toBe(415);
  });
});

describe('an outage of the store', () => {
  it('is answered as one that may pass', async () => {
    const store = new ApiClient().broker.store;
    store.append = async () => {
      throw new TypeError('secret of the store');
    };
    const logged: unknown[] = [];
    api = new ApiClient({}, {}, { store, log: (...entry) => logged.push(entry) });
    const { status, json } = await api.post(messages, { body: '' });
    expect(status).toBe(500);
    expect(json.error.code).toBe('INTERNAL');
    expect(JSON.stringify(json)).not.toContain('secret');
    expect(logged).toHaveLength(1);
  });
});
