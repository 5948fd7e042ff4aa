import { expect, it } from 'vitest';
import { startBrokerProcess } from '../broker-process.ts';
import { dynamoAvailable, dynamoTitle, startDynamo } from '../dynamodb-local.ts';
import { gatherAudience, publish } from '../fan-out.ts';
import { temporaryFolder } from '../folders.ts';
import { connect } from '../stomp-clients.ts';

/** Publishes to an audience and holds what each member got against what the others did. */
async function fanOut(args: readonly string[], how: string, messages: number, subscribers: number): Promise<void> {
  const broker = startBrokerProcess(args);
  const { webSocketUrl } = await broker.ready;
  const audience = await gatherAudience(webSocketUrl, '/topic/prices', subscribers);
  const producer = await connect(webSocketUrl);
  const bodies = Array.from({ length: messages }, (_, i) => `${i} `.padEnd(1024, 'x'));
  const begun = performance.now();
  await publish(producer, '/topic/prices', bodies);
  await audience.all(messages);
  const perSecond = Math.round((messages * subscribers) / ((performance.now() - begun) / 1000));
  process.stdout.write(`${how}: ${messages} messages of 1 KB to ${subscribers}, ${perSecond} deliveries a second\n`);
  const inOrder = audience.got[0] ?? [];
  expect(new Set(inOrder)).toEqual(new Set(bodies));
  for (const got of audience.got) expect(got).toEqual(inOrder);
  await Promise.all([audience.end(), producer.client.deactivate()]);
  expect(broker.errors()).toBe('');
  await broker.end();
}

it('500 messages reach each of 200 subscribers, all in one order', async () => {
  using folder = temporaryFolder();
  await fanOut(['--data', folder.path], 'Fan-out', 500, 200);
});

it.skipIf(!dynamoAvailable())(dynamoTitle('50 messages reach each of 50 subscribers, all in one order'), async () => {
  const engine = await startDynamo();
  const args = ['--store', 'dynamodb', '--table-prefix', 'fan', '--endpoint', engine.endpoint];
  await fanOut(args, 'Fan-out, DynamoDB Local', 50, 50);
  await engine.stop();
});
