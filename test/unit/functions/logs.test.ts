import type { APIGatewayProxyEventV2, Context } from 'aws-lambda';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { observe } from '../../../functions/observation.ts';
import { Access } from '../../../lib/access/access.ts';
import { changeUser } from '../../../lib/access/users.ts';
import { send } from '../../../lib/broker/verbs/send.ts';
import { connectHandler } from '../../../lib/handlers/connect.ts';
import { disconnectHandler } from '../../../lib/handlers/disconnect.ts';
import type { Environment } from '../../../lib/handlers/environment.ts';
import { frameHandler } from '../../../lib/handlers/frame.ts';
import { restHandler } from '../../../lib/handlers/rest.ts';
import { sweepHandler } from '../../../lib/handlers/sweep.ts';
import { BrokerError } from '../../../lib/model/errors.ts';
import { cloudLimits } from '../../../lib/model/limits.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Store } from '../../../lib/store/port.ts';
import { environmentOn, storeWith, textMessage } from '../broker/environment.ts';
import { type Line, logsIn, writtenBy } from './written.ts';

/** What must appear in no line: a body, a password, a token, a header of a message. */
const canary = 'c4n4ry';
let requests = 0;

function observedBench(store: Store): Environment {
  const observation = observe({ service: 'orders-broker', groupOf: () => 'default', watched: [] });
  return environmentOn(store, { ...observation, limits: { ...cloudLimits, retryMs: 100, leaseMs: 100 } });
}

function context(): Context {
  return { awsRequestId: `request-${++requests}` } as Context;
}

function socketEvent(connectionId: string, body = '') {
  return { requestContext: { connectionId, requestId: `gateway-${connectionId}` }, body };
}

function request(method: string, rawPath: string, contentType: string, body: string): APIGatewayProxyEventV2 {
  const headers = { 'content-type': contentType, authorization: `Bearer ${canary}`, host: 'broker.example' };
  const http = { method, path: rawPath, protocol: 'HTTP/1.1', sourceIp: '192.0.2.1', userAgent: 'test' };
  const requestContext = { http, requestId: 'gateway-rest', domainName: 'broker.example' };
  const event = { version: '2.0', routeKey: '$default', rawPath, rawQueryString: '', headers, requestContext, body };
  return { ...event, isBase64Encoded: false } as unknown as APIGatewayProxyEventV2;
}

/** All that a client can do right and wrong, each time with canaries. */
async function traffic(bench: Environment): Promise<void> {
  const quietly = async (work: Promise<unknown>) => void (await work.catch(() => {}));
  const [connect, frame] = [connectHandler(bench), frameHandler(bench)];
  await quietly(connect(socketEvent('good'), context()));
  const connected = `CONNECT\naccept-version:1.2\nhost:/\nlogin:${canary}\npasscode:${canary}\n\n\0`;
  const frames = [
    connected,
    'SUBSCRIBE\nid:0\ndestination:/queue/q\nack:client-individual\n\n\0',
    `SEND\ndestination:/queue/q\nsecret:${canary}\n\n${canary}\0`,
    `ACK\nid:${canary}\n\n\0`,
    `SEND\ndestination:/queue/q\nexpires:${canary}\n\n${canary}\0`,
    `NONSENSE ${canary}\n\n\0`,
    `SEND\ndestination:/temp-queue/a\n\n${canary}\0`,
  ];
  for (const body of frames) await quietly(frame(socketEvent('good', body), context()));
  const rest = restHandler(bench, { allowedOrigins: [] });
  const requestsOf = (path: string, bodies: readonly string[]) =>
    bodies.flatMap((body) => ['application/json', 'text/plain'].map((type) => request('POST', path, type, body)));
  for (const event of [
    ...requestsOf('/v1/queues/q/messages', [canary, `{"${canary}`, `{"messages":[{"body":"${canary}"}]}`]),
    ...requestsOf('/v1/deliveries/acknowledge', [`{"tokens":["${canary}"]}`, `[${canary}]`]),
    ...requestsOf('/v1/queues/q/receive', ['{"max":5}', `{"max":"${canary}"}`]),
  ]) {
    await quietly(rest(event, context()));
  }
  await quietly(sweepHandler(bench)(undefined, context()));
  await quietly(disconnectHandler(bench)(socketEvent('good'), context()));
}

afterEach(() => vi.unstubAllEnvs());

/** Stores of which all goes well, and of which one verb fails. */
const stores = [
  ['well', () => new MemoryStore()],
  ...(['append', 'commit', 'getBlobs', 'getRecord', 'readHead'] as const).map((verb) => {
    const fail = async (...parts: unknown[]) => {
      throw new Error(`Failed at ${JSON.stringify(parts)} ${canary}`, { cause: new Error(canary) });
    };
    return [`and ${verb} fails`, () => storeWith(() => ({ [verb]: fail }))] as const;
  }),
] as const;

it.each(stores)('writes no body and no credential at any level when all goes %s', async (_, storeOf) => {
  vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'DEBUG');
  const bench = observedBench(storeOf());
  const lines = await writtenBy(() => traffic(bench));
  expect(lines.length).toBeGreaterThan(2);
  const secrets = [canary, ...['base64', 'hex', 'base64url'].map((as) => Buffer.from(canary).toString(as as 'hex'))];
  for (const line of lines) for (const secret of secrets) expect(line).not.toContain(secret);
  for (const line of logsIn(lines)) {
    expect(line).toMatchObject({ service: 'orders-broker', level: expect.any(String), timestamp: expect.any(String) });
  }
});

it('says with each line which invocation and which connection it is of, and nothing of the one before', async () => {
  vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'DEBUG');
  const bench = observedBench(new MemoryStore());
  const logs: Line[] = [];
  const run = async (work: () => Promise<unknown>) => {
    logs.push(...logsIn(await writtenBy(async () => void (await work()))));
  };
  await run(() => connectHandler(bench)(socketEvent('c-7'), { awsRequestId: 'first' } as Context));
  const send = 'CONNECT\naccept-version:1.2\nhost:/\n\n\0SEND\ndestination:/queue/q\n\nx\0';
  await run(() => frameHandler(bench)(socketEvent('c-7', send), { awsRequestId: 'second' } as Context));
  const [turn] = logs.filter((line) => line.message === 'turn');
  expect(turn).toMatchObject({
    level: 'DEBUG',
    requestId: 'second',
    gatewayRequestId: 'gateway-c-7',
    connection: 'c-7',
    shard: '/queue/q',
    nonce: expect.stringMatching(/^[\w-]{16}$/),
  });
  await bench.broker.store.append('/queue/q', {
    blobs: [],
    entries: [],
    ring: { nonce: 'dead', until: 0 },
    room: 64,
    minute: 1,
    mustExist: false,
  });
  await run(() => sweepHandler(bench)(undefined, { awsRequestId: 'third' } as Context));
  const stolen = logs.find((line) => line.message === 'lease stolen');
  expect(stolen).toMatchObject({ level: 'WARN', requestId: 'third', shard: '/queue/q', from: 'dead' });
  expect(stolen).not.toHaveProperty('connection');
});

it('names a failure by its code, and its cause by its name and place', async () => {
  const cause = new RangeError(`too much of ${canary}`);
  const store = storeWith(() => ({
    getRecord: async () => {
      throw cause;
    },
  }));
  const bench = observedBench(store);
  const lines = await writtenBy(async () => {
    await frameHandler(bench)(socketEvent('c', 'ACK\n\n\0'), context()).catch(() => {});
  });
  const [failed] = logsIn(lines).filter((line) => line.level === 'ERROR');
  expect(failed).toMatchObject({
    error: { code: 'INTERNAL', cause: { name: 'RangeError', stack: expect.arrayContaining([]) } },
  });
});

it('writes nothing for requests that go well, unless it is asked to', async () => {
  const bench = observedBench(new MemoryStore());
  const lines = await writtenBy(async () => {
    await connectHandler(bench)(socketEvent('c'), context());
    const send = 'CONNECT\naccept-version:1.2\nhost:/\n\n\0SEND\ndestination:/queue/q\n\nx\0';
    await frameHandler(bench)(socketEvent('c', send), context());
  });
  expect(logsIn(lines)).toEqual([]);
});

it.each([
  ['DEBUG', ['DEBUG', 'INFO', 'WARN', 'ERROR']],
  ['INFO', ['INFO', 'WARN', 'ERROR']],
  ['WARN', ['WARN', 'ERROR']],
  ['ERROR', ['ERROR']],
])('at the level %s writes %j, and the metrics, whatever the platform is told', async (level, expected) => {
  vi.stubEnv('POWERTOOLS_LOG_LEVEL', level);
  vi.stubEnv('AWS_LAMBDA_LOG_LEVEL', level === 'DEBUG' ? 'DEBUG' : 'INFO');
  const observation = observe({ service: 'b', groupOf: () => 'default', watched: [] });
  const lines = await writtenBy(async () => {
    observation.trace('t', {});
    observation.audit('a', {});
    observation.log('w', {});
    observation.log('e', {}, new BrokerError('INTERNAL', 'It failed.'));
    observation.meter('sweepRan', 1);
    observation.invocations.end();
  });
  expect(logsIn(lines).map((line) => line.level)).toEqual(expected);
  expect(lines.length).toBe(expected.length + 1);
});

describe('the audit', () => {
  const basic = (name: string, password: string) => `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;

  async function auditOf(method: string, path: string, body: string, authorization: string) {
    const store = new MemoryStore();
    await changeUser(store, 'root', { password: 'open sesame', rules: ['read,write,admin:>'] }, 'r1');
    await changeUser(store, 'alice', { password: 'open sesame', rules: [] }, 'r1');
    const observation = observe({ service: 'b', groupOf: () => 'default', watched: [] });
    const bench = environmentOn(store, { ...observation, access: new Access({ store, now: Date.now }) });
    await send(bench.broker, { kind: 'queue', name: 'q' }, [textMessage('x')]);
    const event = request(method, path, 'application/json', body);
    const lines = await writtenBy(async () => {
      const withCaller = { ...event, headers: { ...event.headers, authorization } };
      await restHandler(bench, {})(withCaller, context());
    });
    return { lines, audit: logsIn(lines).filter((line) => line.level === 'INFO') };
  }

  const changes = [
    ['PUT', '/v1/users/alice', JSON.stringify({ password: `${canary} is a secret` }), 'user changed', 'alice'],
    ['DELETE', '/v1/users/alice', '', 'user removed', 'alice'],
    ['DELETE', '/v1/queues/q/messages', '', 'queue purged', 'q'],
    ['DELETE', '/v1/queues/q', '', 'queue deleted', 'q'],
  ] as const;

  it.each(changes)('%s %s: one line says what, of what, and by whom', async (method, path, body, event, what) => {
    const { lines, audit } = await auditOf(method, path, body, basic('root', 'open sesame'));
    expect(audit).toMatchObject([{ message: event, by: 'user root', what, gatewayRequestId: 'gateway-rest' }]);
    for (const line of lines) expect(line).not.toContain(canary);
  });

  it('has no line for what was not done', async () => {
    const { audit } = await auditOf('DELETE', '/v1/queues/q/messages', '', basic('alice', 'open sesame'));
    expect(audit).toEqual([]);
  });
});
