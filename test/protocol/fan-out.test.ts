import { expect, it } from 'vitest';
import { startBrokerProcess } from '../broker-process.ts';
import { gatherAudience, publish } from '../fan-out.ts';
import { temporaryFolder } from '../folders.ts';
import { connect } from '../stomp-clients.ts';

it('500 messages of 1 KB reach each of 200 subscribers, in order', async () => {
  using folder = temporaryFolder();
  const broker = startBrokerProcess(['--data', folder.path]);
  const { webSocketUrl } = await broker.ready;
  const audience = await gatherAudience(webSocketUrl, '/topic/prices', 200);
  const producer = await connect(webSocketUrl);
  const bodies = Array.from({ length: 500 }, (_, i) => `${i} `.padEnd(1024, 'x'));
  const begun = performance.now();
  await publish(producer, '/topic/prices', bodies);
  await audience.all(bodies.length);
  const perSecond = Math.round((bodies.length * 200) / ((performance.now() - begun) / 1000));
  process.stdout.write(`fan-out: 500 messages of 1 KB to 200 subscribers, ${perSecond} deliveries a second\n`);
  const orders = new Set(audience.got.map((got) => got.map(parseFloat).join()));
  expect(orders.size).toBe(1);
  await Promise.all([audience.end(), producer.client.deactivate()]);
  expect(broker.errors()).toBe('');
  await broker.end();
});
