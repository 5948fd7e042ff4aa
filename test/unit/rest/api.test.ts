import { handle } from 'hono/aws-lambda';
import { beforeEach, describe, expect, it } from 'vitest';
import { restApi } from '../../../lib/rest/api.ts';
import { isAllowedOrigin, isLoopbackHost } from '../../../lib/rest/origin.ts';
import { ApiClient } from './api-client.ts';
import { memoryBroker } from './broker.ts';

let api: ApiClient;
beforeEach(() => {
  api = new ApiClient();
});

it.each(['/health', '/v1/queues', '/v1/queues/none'])('the reply of %s ends its line on a terminal', async (path) => {
  const app = restApi({ broker: memoryBroker(), version: '1' });
  const response = await app.request(path);
  expect(response.headers.get('content-type')).toBe('application/json');
  expect(await response.text()).toMatch(/^\{.*\}\n$/);
});

describe('queues', () => {
  it('are created, described, listed and deleted', async () => {
    const created = await api.ask('PUT', '/v1/queues/orders');
    expect(created.status).toBe(200);
    expect(created.json).toMatchObject({ name: 'orders', depth: 0, inFlight: 0, consumers: 0, oldestAgeSeconds: 0 });
    expect((await api.ask('GET', '/v1/queues/orders')).json).toEqual(created.json);
    expect((await api.ask('GET', '/v1/queues')).json).toEqual({ queues: [created.json] });
    const deleted = await api.ask('DELETE', '/v1/queues/orders');
    expect(deleted).toMatchObject({ status: 204, json: undefined });
    expect((await api.ask('GET', '/v1/queues')).json).toEqual({ queues: [] });
  });

  it('are listed page by page', async () => {
    for (const name of ['a', 'b', 'c']) await api.ask('PUT', `/v1/queues/${name}`);
    const first = await api.ask('GET', '/v1/queues?limit=2');
    expect(first.json.queues.map((queue: { name: string }) => queue.name)).toEqual(['a', 'b']);
    const second = await api.ask('GET', `/v1/queues?limit=2&after=${first.json.next}`);
    expect(second.json.queues.map((queue: { name: string }) => queue.name)).toEqual(['c']);
    expect(second.json).not.toHaveProperty('next');
  });

  it('are purged', async () => {
    await api.post('/v1/queues/orders/messages', { messages: [{ body: 'a' }, { body: 'b' }] });
    expect((await api.ask('DELETE', '/v1/queues/orders/messages')).json).toEqual({ purged: 2 });
    expect((await api.ask('GET', '/v1/queues/orders')).json.depth).toBe(0);
  });

  it.each([
    ['GET', '/v1/queues/none'],
    ['DELETE', '/v1/queues/none'],
    ['DELETE', '/v1/queues/none/messages'],
  ])('that are not there are not found: %s %s', async (method, path) => {
    const { status, json } = await api.ask(method, path);
    expect(status).toBe(404);
    expect(json.error.code).toBe('NOT_FOUND');
  });
});

describe('a name in a path', () => {
  it.each(['a/b', 'a%2Fb', 'a%2fb'])('may hold a slash, as %s', async (written) => {
    expect((await api.post(`/v1/queues/${written}/messages`, { body: 'x' })).status).toBe(201);
    expect((await api.ask('GET', '/v1/queues/a/b')).json).toMatchObject({ name: 'a/b', depth: 1 });
    expect((await api.post(`/v1/queues/${written}/receive`)).json.messages[0].queue).toBe('a/b');
  });

  it('may hold letters of any script', async () => {
    expect((await api.ask('PUT', '/v1/queues/größe')).json.name).toBe('größe');
    expect((await api.ask('GET', '/v1/queues/gr%C3%B6%C3%9Fe')).status).toBe(200);
  });

  it.each([
    'a%20b',
    'a,b',
    'a%5Cb',
    'a//b',
    '%2Fqueue%2Fa',
    '/queue/a',
    '%FF',
    '%zz',
    'messages',
    'receive',
    'a/receive/b',
    'x'.repeat(256),
  ])('is refused as %s', async (written) => {
    const { status, json } = await api.ask('PUT', `/v1/queues/${written}`);
    expect(status).toBe(400);
    expect(json.error.code).toBe('INVALID_DESTINATION');
  });
});

describe('what is not there', () => {
  it.each(['/', '/v1', '/v1/queues/', '/v2/queues', '/v1/deliveries/forget', '/openapixjson'])(
    'is not found: %s',
    async (path) => {
      const { status, json } = await api.ask('GET', path);
      expect(status).toBe(404);
      expect(json.error).toMatchObject({ code: 'NOT_FOUND', retryable: false });
    },
  );

  it('is a method that a path does not take, 405', async () => {
    const { status, json, headers } = await api.ask('PATCH', '/v1/queues/a/messages');
    expect(status).toBe(405);
    expect(headers.get('allow')).toBe('POST, GET, DELETE');
    expect(json.error.message).toContain('it takes POST, GET, DELETE');
  });

  it('is the body of a HEAD', async () => {
    expect(await api.request('HEAD', '/v1/queues')).toMatchObject({ status: 200, json: undefined });
  });
});

describe('a failure that may pass', () => {
  it('says when to try again', async () => {
    api = new ApiClient({ inboxEntries: 0, retryMs: 0 });
    const { status, json, headers } = await api.post('/v1/queues/a/messages', { body: '' });
    expect(status).toBe(503);
    expect(json.error).toMatchObject({ code: 'OVERLOADED', retryable: true });
    expect(headers.get('retry-after')).toBe('1');
  });
});

describe('pages in browsers', () => {
  const ask = (origin: string, method = 'GET', options = {}) =>
    new ApiClient({}, options).request(method, '/v1/queues', { headers: { origin } });

  it.each([
    'http://localhost',
    'http://localhost:3000',
    'https://127.0.0.1:8443',
    'http://[::1]:1',
    'http://a.localhost',
  ])('may read replies from %s', async (origin) => {
    const { status, headers } = await ask(origin);
    expect(status).toBe(200);
    expect(headers.get('access-control-allow-origin')).toBe(origin);
    expect(headers.get('vary')).toBe('origin');
  });

  it.each([
    'https://example.org',
    'null',
    '',
    'http://localhost.example.org',
    'http://localhost@example.org',
    'http://127.0.0.1.example.org',
    'http://127.0.0.2',
    'file://localhost',
    'http://localhost:3000/path',
    'http://localhost:123456',
  ])('are kept out from %s', async (origin) => {
    const { status, json, headers } = await ask(origin);
    expect(status).toBe(403);
    expect(json.error.code).toBe('FORBIDDEN_ORIGIN');
    expect(headers.has('access-control-allow-origin')).toBe(false);
  });

  it('are let in from origins that are listed', async () => {
    const options = { allowedOrigins: ['https://example.org'] };
    expect((await ask('https://example.org', 'GET', options)).status).toBe(200);
    expect((await ask('http://localhost:3000', 'GET', options)).status).toBe(403);
    const both = { allowedOrigins: ['loopback', 'https://example.org'] };
    expect((await ask('http://localhost:3000', 'GET', both)).status).toBe(200);
    expect((await ask('https://example.org:8443', 'GET', options)).status).toBe(403);
    expect((await ask('https://a.example.org', 'GET', options)).status).toBe(403);
  });

  it('learn by a preflight what they may ask', async () => {
    const { status, headers } = await ask('http://localhost:3000', 'OPTIONS');
    expect(status).toBe(204);
    expect(headers.get('access-control-allow-methods')).toBe('GET, POST, PUT, DELETE');
    expect(headers.get('access-control-allow-headers')).toContain('content-type');
    expect(Number(headers.get('access-control-max-age'))).toBeGreaterThan(0);
    expect((await ask('https://example.org', 'OPTIONS')).status).toBe(403);
  });

  it('may read failures, too', async () => {
    const origin = 'http://localhost:3000';
    const { status, headers } = await api.request('GET', '/nowhere', { headers: { origin } });
    expect(status).toBe(404);
    expect(headers.get('access-control-allow-origin')).toBe(origin);
  });
});

describe('a broker on loopback alone', () => {
  const ask = (host: string) =>
    new ApiClient({}, { loopbackOnly: true }).request('GET', '/health', { headers: { host } });

  it.each(['localhost', 'localhost:61614', '127.0.0.1:61614', '[::1]:61614', 'broker.localhost'])(
    'answers as %s',
    async (host) => {
      expect((await ask(host)).status).toBe(200);
    },
  );

  it.each(['rebound.example.org', 'rebound.example.org:61614', 'localhost.example.org', 'evil@localhost'])(
    'does not answer as %s',
    async (host) => {
      const { status, json } = await ask(host);
      expect(status).toBe(403);
      expect(json.error.code).toBe('FORBIDDEN_ORIGIN');
    },
  );
});

describe('the rules of origins', () => {
  it('let pass what bears no Origin, and ask for a Host', () => {
    expect(isAllowedOrigin(undefined, [])).toBe(true);
    expect(isLoopbackHost(undefined)).toBe(false);
  });
});

describe('behind API Gateway (HTTP API, payload 2.0)', () => {
  const lambda = handle(restApi({ broker: memoryBroker(), version: '1' }));
  const eventOf = (method: string, rawPath: string, body = '', isBase64Encoded = false, type = 'application/json') =>
    ({
      version: '2.0',
      rawPath,
      rawQueryString: '',
      headers: { 'content-type': type, host: 'x.execute-api.eu-west-1.amazonaws.com' },
      requestContext: { domainName: 'x.execute-api.eu-west-1.amazonaws.com', http: { method, path: rawPath } },
      body,
      isBase64Encoded,
    }) as unknown as Parameters<typeof lambda>[0];

  it('takes octets and gives JSON', async () => {
    const octets = Buffer.from([0, 255]).toString('base64');
    const sent = await lambda(eventOf('POST', '/v1/queues/a/b/messages', octets, true, 'application/octet-stream'));
    expect(sent.statusCode).toBe(201);
    const received = await lambda(eventOf('POST', '/v1/queues/a/b/receive'));
    expect(received).toMatchObject({ statusCode: 200, isBase64Encoded: false });
    expect(JSON.parse(received.body).messages[0]).toMatchObject({ body: 'AP8=', contentEncoding: 'base64' });
  });
});
