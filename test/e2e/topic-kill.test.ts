import { expect, it } from 'vitest';
import { startBrokerProcess } from '../broker-process.ts';
import { gatherAudience, publish } from '../fan-out.ts';
import { temporaryFolder } from '../folders.ts';
import { connect, sendWithReceipt } from '../stomp-clients.ts';

it('subscribers of a broker that was killed get from the next one what is sent from then on, and nothing twice', async () => {
  using folder = temporaryFolder();
  const topic = '/topic/killed';
  const first = startBrokerProcess(['--data', folder.path]);
  const before = await gatherAudience((await first.ready).webSocketUrl, topic, 5);
  const doomed = await connect((await first.ready).webSocketUrl);
  const bodies = Array.from({ length: 2000 }, (_, i) => `before ${i}`);
  void publish(doomed, topic, bodies, 50);
  await before.all(100);
  await first.end('SIGKILL');
  await Promise.all([...before.members, doomed].map(({ closed }) => closed));
  for (const got of before.got) expect(new Set(got).size).toBe(got.length);

  const second = startBrokerProcess(['--data', folder.path]);
  const { webSocketUrl } = await second.ready;
  const after = await gatherAudience(webSocketUrl, topic, 5);
  const producer = await connect(webSocketUrl);
  const sent = ['a', 'b', 'c'];
  for (const body of sent) await sendWithReceipt(producer, topic, body);
  await after.all(sent.length);
  for (const got of after.got) expect(got).toEqual(sent);
  await Promise.all([after.end(), producer.client.deactivate()]);
  await second.end();
});
