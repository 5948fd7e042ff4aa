import { DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
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
    await deploy(deployed.endpoint, ['CirrusMQ'], { PREFETCH: '1', REGROUPED: 'true' });
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

  it('leaves a queue where it lives that belongs to another group now, until it is moved', async () => {
    const homeOf = async () => {
      const { json } = await rest('GET', '/v1/groups?limit=1000');
      const { destinations } = json as { destinations: { destination: string; group: string; configured: string }[] };
      return destinations.find(({ destination }) => destination === '/queue/updated');
    };
    await sendByRest('updated', 'd');
    expect(await homeOf()).toMatchObject({ group: 'default', configured: 'moved' });
    const move = () => rest('POST', '/v1/groups/move', { destination: '/queue/updated' });
    await expect.poll(move, { timeout: 60_000 }).toMatchObject({ status: 200, json: { isDone: true } });
    expect(await homeOf()).toMatchObject({ group: 'moved' });
    await sendByRest('updated', 'e');
    // What was in flight before the update comes again.
    const got = new Set<string>();
    const takeSome = async () => {
      for (const { body } of await receive('updated', 5)) got.add(body);
      return [...got].toSorted();
    };
    await expect.poll(takeSome, { timeout: 90_000 }).toEqual(['b', 'c', 'd', 'e']);
  });
});

describeDeployed('a first deployment that fails', () => {
  it('leaves no table behind, and can be repeated', async () => {
    const { endpoint } = deployed;
    await expect(deploy(endpoint, ['CirrusMQFirst'], { FIRST: 'fails' })).rejects.toThrow('there-is-none');
    const tables = new DynamoDBClient({});
    const { TableNames = [] } = await tables.send(new ListTablesCommand({}));
    tables.destroy();
    expect(TableNames.filter((name) => name.includes('CirrusMQFirst'))).toEqual([]);
    const { CirrusMQFirst } = await deploy(endpoint, ['CirrusMQFirst'], { FIRST: 'works' });
    expect(CirrusMQFirst.Url).toMatch(/^http/);
  });
});
