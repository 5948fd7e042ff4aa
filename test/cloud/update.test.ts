import { expect, it } from 'vitest';
import { connect, subscribe } from '../stomp-clients.ts';
import { deploy } from './deploy.ts';
import { deployed, describeDeployed, receive, rest, sendByRest } from './deployed.ts';

describeDeployed('an update by cdk deploy', () => {
  it('keeps the messages, and changes what was to be changed', async () => {
    await sendByRest('updated', 'a', 'b', 'c');
    const [before] = await receive('updated', 5, 1);
    expect(before?.body).toBe('a');
    await rest('POST', '/v1/deliveries/acknowledge', { tokens: [before?.token] });
    await deploy(deployed.endpoint, ['CirrusMQ'], { PREFETCH: '1' });
    const connected = await connect(deployed.webSocketUrl);
    const got: string[] = [];
    const one = Promise.withResolvers<void>();
    await subscribe(connected, '/queue/updated', (message) => {
      got.push(message.body);
      one.resolve();
    });
    await one.promise;
    // With the default prefetch as it was, both would have come.
    expect((await receive('updated', 0)).map(({ body }) => body)).toEqual(['c']);
    expect(got).toEqual(['b']);
    await connected.client.deactivate();
  });
});
