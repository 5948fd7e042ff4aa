import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { openDynamoStore } from '../../lib/store/dynamodb/dynamodb-store.ts';
import type { Store } from '../../lib/store/port.ts';
import { appending, committing, lease } from './given.ts';

let server: Server;
let requests = 0;
afterEach(() => server.close());

/** A store on a server that answers everything with one error; with none, it hangs up. */
async function failing(error?: { status: number; type: string; message?: string }): Promise<Store> {
  requests = 0;
  server = createServer((request, response) => {
    requests++;
    if (!error) {
      request.socket.destroy();
      return;
    }
    response.writeHead(error.status, { 'content-type': 'application/x-amz-json-1.0' });
    response.end(JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${error.type}`, message: error.message }));
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

  test('a read is tried more than once', async () => {
    const store = await failing({ status: 500, type: 'InternalServerError' });
    await expect(store.readHead('q')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(requests).toBeGreaterThan(1);
    await store.close();
  });
});
