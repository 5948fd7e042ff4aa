import { afterAll, beforeAll, type ExpectStatic, it } from 'vitest';
import type { WebSocket } from 'ws';
import { send } from '../../lib/broker/verbs/send.ts';
import { openDynamoStore } from '../../lib/store/dynamodb/dynamodb-store.ts';
import type { Store } from '../../lib/store/port.ts';
import { connect, subscribe } from '../stomp-clients.ts';
import { environmentOn, textMessage } from '../unit/broker/environment.ts';
import { deployed, describeDeployed, isOpen, receive, sendByRest } from './deployed.ts';

let store: Store;
beforeAll(() => {
  store = openDynamoStore({ tablePrefix: deployed.tablePrefix });
});
afterAll(() => store.close());

/** Sends as a function does that dies before its first turn: the lease is its own, and nobody uses it. */
async function sendAndDie(queue: string, body: string): Promise<void> {
  const { broker } = environmentOn(store);
  await send({ ...broker, defer: () => {} }, { kind: 'queue', name: queue }, [textMessage(body)]);
}

/** A connection that breaks off with one message in flight. Its $disconnect finds nothing, as if it had not come. */
async function dieWithOneInFlight(expect: ExpectStatic, queue: string, prefetch: number): Promise<void> {
  const connected = await connect(deployed.webSocketUrl);
  const { client, session, closed } = connected;
  const got = Promise.withResolvers<void>();
  await subscribe(connected, `/queue/${queue}`, () => got.resolve(), { 'prefetch-count': String(prefetch) });
  await sendByRest(queue, 'in flight');
  await got.promise;
  await store.deleteRecord({ family: `connection ${session}`, name: 'session' });
  (client.webSocket as unknown as WebSocket).terminate();
  await closed;
  await expect.poll(() => isOpen(session), { timeout: 10_000 }).toBe(false);
}

/** Tests that run side by side have an `expect` each: the common one does not know whose it is. */
describeDeployed('after a crash', () => {
  it('the next push finds out that a connection is gone whose $disconnect never came', async ({ expect }) => {
    await dieWithOneInFlight(expect, 'gone', 20);
    await sendByRest('gone', 'next');
    const messages = await receive('gone', 10);
    expect(messages.map(({ body, redelivered }) => [body, redelivered])).toEqual([
      ['in flight', true],
      ['next', false],
    ]);
  });

  it.concurrent('the sweep asks after a connection that no push goes to, and frees what it had', async ({ expect }) => {
    await dieWithOneInFlight(expect, 'silent', 1);
    await expect.poll(() => receive('silent', 10), { timeout: 170_000 }).toMatchObject([{ redelivered: true }]);
  });

  it.concurrent('the sweep gives a turn to a shard whose master died', async ({ expect }) => {
    const connected = await connect(deployed.webSocketUrl);
    const got = Promise.withResolvers<string>();
    await subscribe(connected, '/queue/orphaned', ({ body }) => got.resolve(body));
    await sendAndDie('orphaned', 'found');
    expect(await got.promise).toBe('found');
    await connected.client.deactivate();
  });
});
