import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { expect, it } from 'vitest';
import { headSort, tableNames } from '../../lib/store/dynamodb/tables.ts';
import { deployed, describeDeployed, receive, rest, sendByRest } from './deployed.ts';

async function hasHead(group: string, shard: string): Promise<boolean> {
  const TableName = tableNames(deployed.tablePrefix, group).shards;
  const Key = { p: { S: shard }, s: { S: headSort } };
  const { Item } = await new DynamoDBClient({}).send(new GetItemCommand({ TableName, Key }));
  return Item !== undefined;
}

describeDeployed('the deployed broker over REST', () => {
  it('takes messages, gives them out, and takes their acknowledgement', async () => {
    await sendByRest('rest', 'two', 'three');
    const messages = await receive('rest', 5);
    expect(messages.map(({ body }) => body)).toEqual(['two', 'three']);
    const tokens = messages.map(({ token }) => token);
    expect((await rest('POST', '/v1/deliveries/acknowledge', { tokens })).status).toBe(200);
    expect((await rest('GET', '/v1/queues/rest')).json).toMatchObject({ depth: 0, inFlight: 0 });
  });

  it('lets a waiting receive have what is sent meanwhile', async () => {
    const waiting = receive('awaited', 10);
    await sendByRest('awaited', 'at last');
    expect((await waiting).map(({ body }) => body)).toEqual(['at last']);
  });

  it('answers what is wrong with the code and the status of it', async () => {
    const { status, json } = await rest('GET', '/v1/queues/none-such');
    expect([status, json]).toMatchObject([404, { error: { code: 'NOT_FOUND' } }]);
  });

  it('answers pages of allowed origins, and no others', async () => {
    const ask = (origin: string) => fetch(`${deployed.url}/v1/queues`, { headers: { origin } });
    const allowed = await ask('https://app.example');
    expect([allowed.status, allowed.headers.get('access-control-allow-origin')]).toEqual([200, 'https://app.example']);
    expect((await ask('https://elsewhere.example')).status).toBe(403);
  });

  it('keeps each destination group in its own table, dead letters with their queue', async () => {
    await sendByRest('orders.eu', 'one');
    await sendByRest('DLQ.orders.eu', 'one');
    await sendByRest('other', 'one');
    expect(await hasHead('orders', '/queue/orders.eu')).toBe(true);
    expect(await hasHead('orders', '/queue/DLQ.orders.eu')).toBe(true);
    expect(await hasHead('default', '/queue/other')).toBe(true);
    expect(await hasHead('default', '/queue/orders.eu')).toBe(false);
  });
});
