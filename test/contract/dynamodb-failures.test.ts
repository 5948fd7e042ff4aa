import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { openDynamoStore } from '../../lib/store/dynamodb/dynamodb-store.ts';
import type { Store } from '../../lib/store/port.ts';
import { appending, blob, committing, lease } from './given.ts';

let server: Server;
let requests = 0;
afterEach(() => server.close());

/** A store on a server that answers everything with one error; with none, it hangs up. */
async function failing(error?: Failure): Promise<Store> {
  return await answering(() => error);
}

type Failure = { readonly status: number; readonly type: string; readonly message?: string };

/** A store on a server that answers each call so: undefined hangs up. */
async function answering(answer: (request: IncomingMessage) => Failure | undefined | 'done'): Promise<Store> {
  requests = 0;
  server = createServer((request, response) => {
    requests++;
    const error = answer(request);
    if (!error) {
      request.socket.destroy();
      return;
    }
    const isDone = error === 'done';
    response.writeHead(isDone ? 200 : error.status, { 'content-type': 'application/x-amz-json-1.0' });
    const failure = isDone ? {} : { __type: `com.amazonaws.dynamodb.v20120810#${error.type}`, message: error.message };
    response.end(JSON.stringify(failure));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return openDynamoStore({ tablePrefix: 'none', endpoint: `http://127.0.0.1:${port}` });
}

describe('when DynamoDB fails', () => {
  const cases = [
    ['UNAVAILABLE', undefined],
    ['UNAVAILABLE', { status: 500, type: 'InternalServerError' }],
    ['OVERLOADED', { status: 400, type: 'ThrottlingException' }],
    ['OVERLOADED', { status: 400, type: 'ProvisionedThroughputExceededException' }],
    [
      'OVERLOADED',
      { status: 400, type: 'ValidationException', message: 'Item size to update has exceeded the maximum' },
    ],
    ['INTERNAL', { status: 400, type: 'ResourceNotFoundException' }],
  ] as const;

  test.each(cases)('a write of a head fails with %s, after one attempt, for %j', async (code, error) => {
    const store = await failing(error);
    const writes = [
      () => store.append('q', appending(['e'])),
      () => store.commit('q', committing('n')),
      () => store.steal('q', { seen: 'n', lease: lease('m') }),
    ];
    for (const write of writes) {
      requests = 0;
      await expect(write()).rejects.toMatchObject({ name: 'BrokerError', code });
      expect(requests).toBe(1);
    }
    await store.close();
  });

  test('blobs that are in are not put again by who repeats what failed after them', async () => {
    const puts: string[] = [];
    const throttled = { status: 400, type: 'ThrottlingException' };
    const store = await answering((request) => {
      const isPut = String(request.headers['x-amz-target']).endsWith('PutItem');
      if (isPut) puts.push('put');
      return isPut ? 'done' : throttled;
    });
    const [sent, page] = [blob('sent'), blob('page')];
    for (let tries = 0; tries < 3; tries++) {
      await expect(store.append('q', appending(['e'], { blobs: [sent] }))).rejects.toMatchObject({
        code: 'OVERLOADED',
      });
      await expect(store.commit('q', committing('n', { blobs: [page] }))).rejects.toMatchObject({ code: 'OVERLOADED' });
    }
    expect(puts).toHaveLength(2);
    await store.close();
  });

  test('a blob whose put failed is put by who repeats it', async () => {
    let isIn = false;
    const store = await answering((request) => {
      if (String(request.headers['x-amz-target']).endsWith('PutItem')) {
        if (isIn) return 'done';
        return { status: 400, type: 'ValidationException' };
      }
      return { status: 400, type: 'ThrottlingException' };
    });
    const append = appending(['e'], { blobs: [blob('k')] });
    await expect(store.append('q', append)).rejects.toMatchObject({ code: 'INTERNAL' });
    isIn = true;
    await expect(store.append('q', append)).rejects.toMatchObject({ code: 'OVERLOADED' });
    expect(requests).toBe(3);
    await store.close();
  });

  test('a read is tried more than once', async () => {
    const store = await failing({ status: 500, type: 'InternalServerError' });
    await expect(store.readHead('q')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(requests).toBeGreaterThan(1);
    await store.close();
  });
});
