import { beforeEach, describe, expect, it } from 'vitest';
import { send } from '../../../lib/broker/verbs/send.ts';
import { ApiClient } from './api-client.ts';

const messages = '/v1/queues/orders/messages';
const receive = '/v1/queues/orders/receive';

let api: ApiClient;
beforeEach(() => {
  api = new ApiClient();
});

async function sendBodies(...bodies: string[]): Promise<void> {
  await api.post(messages, { messages: bodies.map((body) => ({ body })) });
}

/** Takes everything, and gives the tokens. */
async function tokens(): Promise<string[]> {
  const { json } = await api.post(receive, { max: 100 });
  return json.messages.map((message: { token: string }) => message.token);
}

async function counts() {
  return (await api.ask('GET', '/v1/queues/orders')).json;
}

describe('receive', () => {
  it('takes one message without a body, and shows it as it was sent', async () => {
    const sent = {
      body: 'hello',
      persistent: true,
      priority: 3,
      expires: 0,
      replyTo: '/queue/replies',
      correlationId: 'c1',
      contentType: 'text/plain',
      type: 'greeting',
      headers: { tenant: 'acme' },
    };
    const { json } = await api.post(messages, sent);
    const { status, json: received } = await api.post(receive);
    expect(status).toBe(200);
    expect(received.messages).toEqual([
      {
        ...sent,
        messageId: json.messageId,
        token: expect.any(String),
        queue: 'orders',
        text: true,
        redelivered: false,
        deliveryCount: 1,
        timestamp: expect.any(Number),
      },
    ]);
  });

  it('shows a header that a STOMP client named __proto__', async () => {
    const headers = Object.assign(Object.create(null), { ['__proto__']: 'x', tenant: 'acme' });
    await send(api.broker, { kind: 'queue', name: 'orders' }, [{ body: Buffer.from('a'), text: true, headers }]);
    const { json } = await api.post(receive);
    expect(Object.entries(json.messages[0].headers)).toEqual([
      ['__proto__', 'x'],
      ['tenant', 'acme'],
    ]);
  });

  it('shows as base64 what is no UTF-8, and as text what is', async () => {
    await api.raw(messages, new Uint8Array([0, 255]), 'application/octet-stream');
    await api.raw(messages, '\ufeffü', 'application/octet-stream');
    const { json } = await api.post(receive, { max: 2 });
    expect(json.messages[0]).toMatchObject({ body: 'AP8=', contentEncoding: 'base64', text: false });
    expect(json.messages[1]).toMatchObject({ body: '\ufeffü', text: false });
    expect(json.messages[1]).not.toHaveProperty('contentEncoding');
  });

  it('shows what came over STOMP', async () => {
    const headers = { persistent: 'false', priority: '7', expires: '0', 'content-encoding': 'gzip' };
    await send(api.broker, { kind: 'queue', name: 'orders' }, [{ body: Buffer.from('x'), text: true, headers }]);
    const { json } = await api.post(receive);
    expect(json.messages[0]).toMatchObject({
      persistent: false,
      priority: 7,
      expires: 0,
      headers: { 'content-encoding': 'gzip' },
    });
  });

  it('takes up to max', async () => {
    await sendBodies('a', 'b', 'c');
    const { json } = await api.post(receive, { max: 2 });
    expect(json.messages.map((message: { body: string }) => message.body)).toEqual(['a', 'b']);
  });

  it('waits for a message', async () => {
    const waiting = api.post(receive, { waitSeconds: 10 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    await sendBodies('late');
    expect((await waiting).json.messages[0].body).toBe('late');
  });

  it('answers an empty list when the wait is over', async () => {
    const { status, json } = await api.post(receive, { waitSeconds: 0.01 });
    expect(status).toBe(200);
    expect(json).toEqual({ messages: [] });
  });

  it('gives a message again, flagged, once its visibility is over', async () => {
    await sendBodies('a');
    await api.post(receive, { visibilitySeconds: 0 });
    const { json } = await api.post(receive, { waitSeconds: 1 });
    expect(json.messages[0]).toMatchObject({ body: 'a', redelivered: true, deliveryCount: 2 });
  });

  it.each([
    [{ max: 0 }, 'max must be at least 1'],
    [{ max: 1001 }, 'max must be at most 1000'],
    [{ max: '1' }, 'max must be a number'],
    [{ max: 1.5 }, 'max must be a whole number'],
    [{ waitSeconds: 21 }, 'waitSeconds must be at most 20'],
    [{ visibilitySeconds: 43_201 }, 'visibilitySeconds must be at most 43200'],
    [{ wait: 1 }, 'no field "wait"'],
    [[], 'The request must be a JSON object'],
  ])('refuses %j', async (pull, why) => {
    const { status, json } = await api.post(receive, pull);
    expect(status).toBe(400);
    expect(json.error.message).toContain(why);
  });

  it('refuses a body that is not sent as JSON', async () => {
    expect((await api.raw(receive, '{}', 'text/plain')).status).toBe(415);
  });
});

describe('deliveries', () => {
  it('are acknowledged', async () => {
    await sendBodies('a', 'b');
    const mine = await tokens();
    const { status, json } = await api.post('/v1/deliveries/acknowledge', { tokens: mine });
    expect(status).toBe(200);
    expect(json.results).toEqual(mine.map((token) => ({ token, ok: true })));
    expect(await counts()).toMatchObject({ depth: 0, inFlight: 0 });
  });

  it('are rejected, and come again', async () => {
    await sendBodies('a');
    await api.post('/v1/deliveries/reject', { tokens: await tokens() });
    const { json } = await api.post(receive, { waitSeconds: 5 });
    expect(json.messages[0]).toMatchObject({ redelivered: true, deliveryCount: 2 });
  });

  it('are extended', async () => {
    await sendBodies('a');
    const { status } = await api.post('/v1/deliveries/extend', { tokens: await tokens(), visibilitySeconds: 0 });
    expect(status).toBe(200);
    expect((await api.post(receive, { waitSeconds: 5 })).json.messages).toHaveLength(1);
  });

  it('that are over already are done', async () => {
    await sendBodies('a');
    const mine = await tokens();
    await api.post('/v1/deliveries/acknowledge', { tokens: mine });
    const { status, json } = await api.post('/v1/deliveries/acknowledge', { tokens: mine });
    expect(status).toBe(200);
    expect(json.results[0].ok).toBe(true);
  });

  it.each(['acknowledge', 'reject', 'extend'])('of unknown tokens are refused alone by %s', async (verb) => {
    await sendBodies('a');
    const [token] = await tokens();
    const more = verb === 'extend' ? { visibilitySeconds: 9 } : {};
    const { status, json } = await api.post(`/v1/deliveries/${verb}`, { tokens: ['nonsense', token], ...more });
    expect(status).toBe(207);
    expect(json.results).toEqual([
      { token: 'nonsense', error: expect.objectContaining({ code: 'INVALID_TOKEN' }) },
      { token, ok: true },
    ]);
  });

  it('of which no token is known fail, with the outcome of each', async () => {
    const { status, json } = await api.post('/v1/deliveries/acknowledge', { tokens: ['x', 'y'] });
    expect(status).toBe(400);
    expect(json.error.code).toBe('INVALID_TOKEN');
    expect(json.results.map((result: { token: string }) => result.token)).toEqual(['x', 'y']);
  });

  it.each([
    [{}, 'tokens is missing'],
    [{ tokens: [] }, 'tokens must have at least 1'],
    [{ tokens: [1] }, 'tokens[0] must be a string'],
    [{ tokens: Array(1001).fill('x') }, 'tokens must have at most 1000'],
    [undefined, 'The request is missing'],
  ])('refuse what is not as described', async (body, why) => {
    const { status, json } = await api.post('/v1/deliveries/acknowledge', body);
    expect(status).toBe(400);
    expect(json.error.message).toContain(why);
  });
});

describe('browse', () => {
  it('shows messages in their order, page by page, and takes none', async () => {
    await sendBodies('a', 'b', 'c');
    await api.post(receive);
    const first = await api.ask('GET', `${messages}?limit=2`);
    expect(first.json.messages).toMatchObject([
      { body: 'a', inFlight: true, sequence: 1 },
      { body: 'b', inFlight: false },
    ]);
    const second = await api.ask('GET', `${messages}?limit=2&after=${first.json.next}`);
    expect(second.json.messages).toMatchObject([{ body: 'c' }]);
    expect(second.json).not.toHaveProperty('next');
  });

  it('cuts a page short that would grow large', async () => {
    api = new ApiClient({ batchBytes: 2000 });
    await sendBodies(...Array(40).fill('x'.repeat(100)));
    let seen = 0;
    let pages = 0;
    for (let after: number | undefined = 0; after !== undefined; pages++) {
      const { json } = await api.ask('GET', `${messages}?limit=1000&after=${after}`);
      expect(json.messages.length).toBeLessThanOrEqual(20);
      seen += json.messages.length;
      after = json.next;
    }
    expect(seen).toBe(40);
    expect(pages).toBeGreaterThanOrEqual(2);
  });

  it('shows up to its limit of small messages at once', async () => {
    await sendBodies(...Array(300).fill('x'));
    expect((await api.ask('GET', `${messages}?limit=300`)).json.messages).toHaveLength(300);
    expect((await api.ask('GET', messages)).json.messages).toHaveLength(100);
  });

  it.each(['limit=0', 'limit=1001', 'limit=x', 'after=-1', 'after=1.5', 'from=1'])('refuses ?%s', async (query) => {
    await sendBodies('a');
    const { status, json } = await api.ask('GET', `${messages}?${query}`);
    expect(status).toBe(400);
    expect(json.error.code).toBe('INVALID_REQUEST');
  });

  it('of a queue that is not there is not found', async () => {
    expect((await api.ask('GET', messages)).status).toBe(404);
  });
});
