import { describe, expect, it } from 'vitest';
import { Access } from '../../../lib/access/access.ts';
import { changeUser } from '../../../lib/access/users.ts';
import { readConnection } from '../../../lib/broker/connections.ts';
import { authorizeHandler } from '../../../lib/handlers/authorize.ts';
import { connectHandler } from '../../../lib/handlers/connect.ts';
import type { Bench } from '../../../lib/handlers/parts.ts';
import { restHandler } from '../../../lib/handlers/rest.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';
import { basic } from '../../access-subject.ts';
import { benchOn } from '../broker/bench.ts';

const methodArn = 'arn:aws:execute-api:eu-west-1:123456789012:api/prod/$connect';

async function closedBench() {
  const store = new MemoryStore();
  await changeUser(store, 'alice', { password: 'open sesame', rules: ['write:/queue/a'] }, 'r1');
  return benchOn(store, { access: new Access({ store, now: Date.now }) });
}

function authorizerOf({ access, broker }: Bench) {
  return authorizeHandler({ access, log: broker.log });
}

/** Asks the REST function, with what the authorizer said. */
function askRest(bench: Bench, path: string, context: object) {
  const event = {
    version: '2.0',
    rawPath: path,
    rawQueryString: '',
    headers: { host: 'api.example', 'content-type': 'text/plain' },
    body: 'x',
    isBase64Encoded: false,
    requestContext: { domainName: 'api.example', http: { method: 'POST', path }, authorizer: { lambda: context } },
  };
  return restHandler(bench, {})(event as never, {} as never);
}

const right = basic('alice', 'open sesame');
const wrong = basic('alice', 'wrong password');

function httpRequest(headers: Record<string, string> = {}) {
  return { version: '2.0', headers, rawPath: '/v1/queues/a/messages' } as never;
}

describe('the authorizer of the WebSocket API', () => {
  it('answers with a policy for this connection alone, and who it is', async () => {
    const bench = await closedBench();
    const answer = await authorizerOf(bench)({ methodArn, headers: { Authorization: right } });
    expect(answer).toMatchObject({
      policyDocument: { Statement: [{ Action: 'execute-api:Invoke', Effect: 'Allow', Resource: methodArn }] },
      context: { principal: JSON.stringify({ kind: 'user', name: 'alice', revision: 'r1' }) },
    });
    const { context } = answer as { context: { principal: string } };
    const event = { requestContext: { connectionId: 'c', authorizer: context } };
    await connectHandler(bench)(event, {} as never);
    expect(await readConnection(bench.broker, 'c')).toMatchObject({ principal: { name: 'alice' } });
  });

  it('lets a request without credentials pass as nobody', async () => {
    const bench = await closedBench();
    const answer = await authorizerOf(bench)({ methodArn, headers: {}, queryStringParameters: null });
    expect(answer).toMatchObject({ policyDocument: { Statement: [{ Effect: 'Allow' }] }, context: {} });
    await connectHandler(bench)({ requestContext: { connectionId: 'c' } }, {} as never);
    expect((await readConnection(bench.broker, 'c'))?.principal).toBeUndefined();
  });

  it('refuses wrong credentials in the words that make API Gateway answer 401', async () => {
    const authorize = authorizerOf(await closedBench());
    for (const headers of [{ authorization: wrong }, { authorization: 'Bearer a.b.c' }]) {
      await expect(authorize({ methodArn, headers })).rejects.toThrow(/^Unauthorized$/);
    }
  });
});

describe('the authorizer of the HTTP API', () => {
  it('answers simply, and the REST function takes its word for who it is, and not for what is allowed', async () => {
    const bench = await closedBench();
    const answer = await authorizerOf(bench)(httpRequest({ authorization: right }));
    expect(answer).toMatchObject({ isAuthorized: true, context: { principal: expect.stringContaining('alice') } });
    const { context } = answer as { context: object };
    expect(await askRest(bench, '/v1/queues/a/messages', context)).toMatchObject({ statusCode: 201 });
    expect(await askRest(bench, '/v1/queues/b/messages', context)).toMatchObject({ statusCode: 403 });
  });

  it('leaves it to the REST function to refuse wrong credentials, and none', async () => {
    const bench = await closedBench();
    const authorize = authorizerOf(bench);
    for (const headers of [{ authorization: wrong }, {}]) {
      const answer = await authorize(httpRequest(headers as Record<string, string>));
      expect(answer).toMatchObject({ isAuthorized: true });
      const { context } = answer as { context: object };
      const refusal = await askRest(bench, '/v1/queues/a/messages', context);
      expect(refusal).toMatchObject({
        statusCode: 401,
        headers: { 'www-authenticate': expect.stringMatching(/^Basic/) },
      });
    }
  });

  it('takes no token from the query', async () => {
    const authorize = authorizerOf(await closedBench());
    const event = { version: '2.0', queryStringParameters: { access_token: 'a.b.c' } } as never;
    expect(await authorize(event)).toEqual({ isAuthorized: true, context: {} });
  });
});
