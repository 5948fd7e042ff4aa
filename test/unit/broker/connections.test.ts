import type { Context } from 'aws-lambda';
import { expect, it } from 'vitest';
import { readConnection } from '../../../lib/broker/sessions/connections.ts';
import { describeQueue } from '../../../lib/broker/verbs/queues.ts';
import { connectHandler } from '../../../lib/handlers/connect.ts';
import { disconnectHandler } from '../../../lib/handlers/disconnect.ts';
import { frameHandler } from '../../../lib/handlers/frame.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';
import { environmentOn, storeWith } from './environment.ts';

const context = {} as Context;
const event = { requestContext: { connectionId: 'c' } };

function subscribeFrame(name: string): string {
  return `SUBSCRIBE\nid:${name}\ndestination:/queue/${name}\n\n\0`;
}

it('keeps each of the subscriptions that arrive at once, in invocations of their own', async () => {
  const environment = environmentOn(new MemoryStore());
  const frame = frameHandler(environment);
  await connectHandler(environment)(event, context);
  await frame({ ...event, body: 'CONNECT\naccept-version:1.2\nhost:a\n\n\0' }, context);
  const names = ['a', 'b', 'c', 'd'];
  await Promise.all(names.map((name) => frame({ ...event, body: subscribeFrame(name) }, context)));
  const connection = await readConnection(environment.broker, 'c');
  expect(connection?.subscriptions.map(({ id }) => id).sort()).toEqual(names);
  await disconnectHandler(environment)(event, context);
  for (const name of names) expect(await describeQueue(environment.broker, name)).toMatchObject({ consumers: 0 });
});

it('lets no subscription bring back a connection that went meanwhile', async () => {
  let goes = false;
  const store = storeWith((inner) => ({
    async putRecord(key, value, options) {
      if (goes) {
        goes = false;
        await disconnectHandler(environment)(event, context);
      }
      return await inner.putRecord(key, value, options);
    },
  }));
  const environment = environmentOn(store);
  await connectHandler(environment)(event, context);
  await frameHandler(environment)({ ...event, body: 'CONNECT\naccept-version:1.2\nhost:a\n\n\0' }, context);
  goes = true;
  await frameHandler(environment)({ ...event, body: subscribeFrame('a') }, context);
  expect(await readConnection(environment.broker, 'c')).toBeUndefined();
});

it('does what was sent before a DISCONNECT, though it is handled after the connection went', async () => {
  const environment = environmentOn(new MemoryStore());
  const frame = frameHandler(environment);
  await connectHandler(environment)(event, context);
  await frame({ ...event, body: 'CONNECT\naccept-version:1.2\nhost:a\n\n\0' }, context);
  await frame({ ...event, body: 'DISCONNECT\nreceipt:r\n\n\0' }, context);
  await disconnectHandler(environment)(event, context);
  await frame({ ...event, body: 'SEND\ndestination:late\n\nbody\0' }, context);
  expect(await describeQueue(environment.broker, 'late')).toMatchObject({ depth: 1 });
  await frame({ ...event, body: subscribeFrame('late') }, context);
  expect(await describeQueue(environment.broker, 'late')).toMatchObject({ consumers: 0 });
  expect(await readConnection(environment.broker, 'c')).toBeUndefined();
});
