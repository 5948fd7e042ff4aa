import { describe, expect, it } from 'vitest';
import { Access } from '../../../lib/access/access.ts';
import { changeUser } from '../../../lib/access/users.ts';
import { readConnection } from '../../../lib/broker/sessions/connections.ts';
import { connectHandler } from '../../../lib/handlers/connect.ts';
import type { EnvironmentParts } from '../../../lib/handlers/environment.ts';
import type { SocketEvent } from '../../../lib/handlers/events.ts';
import { restHandler } from '../../../lib/handlers/rest.ts';
import { BrokerError } from '../../../lib/model/errors.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Store } from '../../../lib/store/port.ts';
import { basic } from '../../access-subject.ts';
import { environmentOn, storeWith } from '../broker/environment.ts';

/** A broker that is closed to all but alice, who may write to one queue. */
async function closedBroker(store: Store = new MemoryStore(), parts: Partial<EnvironmentParts> = {}) {
  await changeUser(store, 'alice', { password: 'open sesame', rules: ['write:/queue/a'] }, 'r1');
  return environmentOn(store, { access: new Access({ store, now: Date.now }), ...parts });
}

/** A broker whose directory cannot be read when users are looked for. */
async function blindBroker(cause: Error, parts: Partial<EnvironmentParts> = {}) {
  let isBlind = false;
  const store = storeWith((inner) => ({
    getRecord: async (key) => {
      if (isBlind) throw cause;
      return await inner.getRecord(key);
    },
  }));
  const environment = await closedBroker(store, parts);
  isBlind = true;
  return environment;
}

const right = basic('alice', 'open sesame');
const wrong = basic('alice', 'wrong password');
const unavailable = new BrokerError('UNAVAILABLE', 'DynamoDB does not answer.');

function upgrade(given: Partial<SocketEvent> = {}): SocketEvent {
  return { requestContext: { connectionId: 'c' }, ...given };
}

function askRest(environment: Awaited<ReturnType<typeof closedBroker>>, path: string, authorization?: string) {
  const event = {
    version: '2.0',
    rawPath: path,
    rawQueryString: '',
    headers: { host: 'api.example', 'content-type': 'text/plain', ...(authorization && { authorization }) },
    body: 'x',
    isBase64Encoded: false,
    requestContext: { domainName: 'api.example', http: { method: 'POST', path } },
  };
  return restHandler(environment, {})(event as never, {} as never);
}

describe('$connect', () => {
  it('finds out by itself who connects', async () => {
    const environment = await closedBroker();
    const answer = await connectHandler(environment)(upgrade({ headers: { Authorization: right } }), {} as never);
    expect(answer).toMatchObject({ statusCode: 200 });
    expect(await readConnection(environment.broker, 'c')).toMatchObject({
      principal: { kind: 'user', name: 'alice', revision: 'r1' },
    });
  });

  it('lets an upgrade without credentials pass as nobody', async () => {
    const environment = await closedBroker();
    const answer = await connectHandler(environment)(upgrade({ queryStringParameters: null }), {} as never);
    expect(answer).toMatchObject({ statusCode: 200 });
    expect((await readConnection(environment.broker, 'c'))?.principal).toBeUndefined();
  });

  it('answers 401 to wrong credentials, and keeps no record of the connection', async () => {
    const environment = await closedBroker();
    for (const given of [
      { headers: { authorization: wrong } },
      { headers: { authorization: 'Bearer a.b.c' } },
      { queryStringParameters: { access_token: 'a.b.c' } },
    ]) {
      const answer = await connectHandler(environment)(upgrade(given), {} as never);
      expect(answer).toMatchObject({
        statusCode: 401,
        headers: { 'www-authenticate': expect.stringMatching(/^Basic/) },
      });
    }
    expect(await readConnection(environment.broker, 'c')).toBeUndefined();
  });

  it('answers 503 and when to try again while it cannot tell who connects, and fails for a defect alone', async () => {
    const logged: string[] = [];
    const log = (event: string) => void logged.push(event);
    const environment = await blindBroker(unavailable, { log });
    const answer = await connectHandler(environment)(upgrade({ headers: { authorization: right } }), {} as never);
    expect(answer).toEqual({ statusCode: 503, headers: { 'retry-after': '1' } });
    expect(logged).toEqual(['connection refused']);
    const broken = await blindBroker(new TypeError('a defect'));
    await expect(connectHandler(broken)(upgrade({ headers: { authorization: right } }), {} as never)).rejects.toThrow(
      'its log says why',
    );
  });
});

describe('the REST function', () => {
  it('finds out by itself who asks, and holds it against the rules', async () => {
    const environment = await closedBroker();
    expect(await askRest(environment, '/v1/queues/a/messages', right)).toMatchObject({ statusCode: 201 });
    expect(await askRest(environment, '/v1/queues/b/messages', right)).toMatchObject({ statusCode: 403 });
  });

  it('says to wrong credentials, and to none, how to show them', async () => {
    const environment = await closedBroker();
    for (const authorization of [wrong, undefined]) {
      expect(await askRest(environment, '/v1/queues/a/messages', authorization)).toMatchObject({
        statusCode: 401,
        headers: { 'www-authenticate': expect.stringMatching(/^Basic/) },
      });
    }
  });

  it('answers 503 and when to try again while it cannot tell who asks', async () => {
    const environment = await blindBroker(unavailable);
    expect(await askRest(environment, '/v1/queues/a/messages', right)).toMatchObject({
      statusCode: 503,
      headers: { 'retry-after': '1' },
    });
  });
});
