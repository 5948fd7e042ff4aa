import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { ApiClient } from './api-client.ts';

// biome-ignore lint/suspicious/noExplicitAny: a JSON document
type Json = any;

const api = new ApiClient();
let document: Json;
beforeAll(async () => {
  document = (await api.ask('GET', '/openapi.json')).json;
});

function* referencesIn(value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, part] of Object.entries(value)) {
    if (key === '$ref' && typeof part === 'string') yield part;
    else yield* referencesIn(part);
  }
}

/** A component's schema, read back from the document. */
function componentOf(name: string) {
  const resolved = JSON.parse(
    JSON.stringify(document.components.schemas).replaceAll('#/components/schemas/', '#/$defs/'),
  );
  return z.fromJSONSchema({ ...resolved[name], $defs: resolved });
}

describe('the description at /openapi.json', () => {
  it('is OpenAPI 3.1', () => {
    expect(document).toMatchObject({
      openapi: expect.stringMatching(/^3\.1\./),
      info: { title: 'CirrusMQ', version: '1.2.3' },
    });
  });

  it('has every operation, under a name of its own', () => {
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods as Json).map(([method, operation]) => [
        `${method} ${path}`,
        (operation as Json).operationId,
      ]),
    );
    expect(operations.map(([operation]) => operation).sort()).toEqual([
      'delete /v1/queues/{name}',
      'delete /v1/queues/{name}/messages',
      'delete /v1/users/{name}',
      'get /health',
      'get /openapi.json',
      'get /v1/groups',
      'get /v1/queues',
      'get /v1/queues/{name}',
      'get /v1/queues/{name}/messages',
      'get /v1/transactions/{name}',
      'get /v1/users',
      'get /v1/users/{name}',
      'post /v1/deliveries/acknowledge',
      'post /v1/deliveries/extend',
      'post /v1/deliveries/reject',
      'post /v1/groups/move',
      'post /v1/queues/{name}/messages',
      'post /v1/queues/{name}/receive',
      'post /v1/topics/{name}/messages',
      'post /v1/transactions',
      'put /v1/queues/{name}',
      'put /v1/users/{name}',
    ]);
    expect(new Set(operations.map(([, id]) => id)).size).toBe(operations.length);
  });

  it('says what each operation needs, and by which schemes it is shown', () => {
    const { securitySchemes } = document.components;
    expect(securitySchemes).toMatchObject({ password: { scheme: 'basic' }, token: { scheme: 'bearer' } });
    const { post } = document.paths['/v1/queues/{name}/messages'];
    expect(post.security).toEqual([{ password: [] }, { token: [] }]);
    expect(post.description).toContain('"write"');
    expect(document.paths['/health'].get.security).toEqual([]);
  });

  it('declares the parameters of each path and query', () => {
    const { parameters } = document.paths['/v1/queues/{name}/messages'].get;
    expect(parameters.map((parameter: Json) => `${parameter.in} ${parameter.name}`)).toEqual([
      'path name',
      'query limit',
      'query after',
    ]);
    expect(parameters[1].schema).toMatchObject({ type: 'integer', minimum: 1, maximum: 1000, default: 100 });
  });

  it('refers only to schemas that are there', () => {
    const references = new Set(referencesIn(document));
    expect(references.size).toBeGreaterThan(10);
    for (const reference of references) {
      expect(document.components.schemas).toHaveProperty([reference.replace('#/components/schemas/', '')]);
    }
  });

  it('bears the limits of the broker', () => {
    expect(document.components.schemas.Batch.properties.messages.maxItems).toBe(1000);
    expect(document.components.schemas.Receive.properties.visibilitySeconds).toMatchObject({
      default: 30,
      maximum: 43200,
    });
  });

  it('has examples that are as described, and that the broker takes', async () => {
    const examples = Object.entries<Json>(document.components.schemas).flatMap(([name, schema]) =>
      (schema.examples ?? []).map((example: unknown) => [name, example] as const),
    );
    expect(examples.length).toBeGreaterThanOrEqual(3);
    for (const [name, example] of examples) {
      expect(z.safeParse(componentOf(name), example).success, name).toBe(true);
      expect((await api.post(pathOf(name), example)).status).toBeLessThan(202);
    }
  });

  it.each<[string, string, string, unknown]>([
    ['Sent', 'POST', '/v1/queues/q/messages', { body: 'a', headers: { a: 'b' } }],
    [
      'BatchResults',
      'POST',
      '/v1/queues/q/messages',
      { messages: [{ body: 'a' }, { body: 'a', headers: { ack: '' } }] },
    ],
    ['MessagePage', 'GET', '/v1/queues/q/messages?limit=1', undefined],
    ['Received', 'POST', '/v1/queues/q/receive', {}],
    ['Queue', 'GET', '/v1/queues/q', undefined],
    ['QueuePage', 'GET', '/v1/queues?limit=1', undefined],
    ['Settled', 'POST', '/v1/deliveries/acknowledge', { tokens: ['x'] }],
    ['TransactionState', 'POST', '/v1/transactions', { sends: [{ destination: 'q', body: 'a' }] }],
    ['Purged', 'DELETE', '/v1/queues/q/messages', undefined],
    ['Failed', 'GET', '/v1/queues/none', undefined],
    ['Failed', 'POST', '/v1/deliveries/acknowledge', { tokens: ['x'] }],
  ])('describes %s as it is answered', async (name, method, path, body) => {
    const { json } = await api.ask(method, path, body);
    expect(z.safeParse(componentOf(name), json)).toMatchObject({ success: true });
  });
});

/** Where the example of a component is taken. */
function pathOf(component: string): string {
  if (component === 'Transaction') return '/v1/transactions';
  return `/v1/queues/examples/${component === 'Receive' ? 'receive' : 'messages'}`;
}
