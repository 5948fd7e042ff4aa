import type { IMessage } from '@stomp/stompjs';
import { expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { connect, sendWithReceipt, subscribe, withReceipt } from '../stomp-clients.ts';
import { deployed, describeDeployed, invoke, rest, sendByRest } from './deployed.ts';

/** Subscribes, and hands out messages as they are asked for. */
async function inbox(connected: Awaited<ReturnType<typeof connect>>, queue: string, headers = {}) {
  const messages: IMessage[] = [];
  let arrived = Promise.withResolvers<void>();
  await subscribe(
    connected,
    queue,
    (message) => {
      messages.push(message);
      arrived.resolve();
      arrived = Promise.withResolvers();
    },
    headers,
  );
  return {
    async next(): Promise<IMessage> {
      while (messages.length === 0) await arrived.promise;
      return messages.shift() as IMessage;
    },
  };
}

describeDeployed('the deployed broker over STOMP', () => {
  it('delivers what was receipted, and takes its acknowledgement', async () => {
    const connected = await connect(deployed.webSocketUrl);
    const { next } = await inbox(connected, '/queue/acknowledged');
    await sendWithReceipt(connected, '/queue/acknowledged', 'one espresso, 1 €', { table: '7' });
    const message = await next();
    expect(message.body).toBe('one espresso, 1 €');
    expect(message.headers).toMatchObject({ table: '7', redelivered: 'false' });
    await withReceipt(connected.client, (receipt) => message.ack({ receipt }));
    expect((await rest('GET', '/v1/queues/acknowledged')).json).toMatchObject({ depth: 0, inFlight: 0 });
    await connected.client.deactivate();
  });

  it('delivers again, and says so, what was rejected', async () => {
    const connected = await connect(deployed.webSocketUrl);
    const { next } = await inbox(connected, '/queue/rejected');
    await sendWithReceipt(connected, '/queue/rejected', 'cold coffee');
    const first = await next();
    await withReceipt(connected.client, (receipt) => first.nack({ receipt }));
    const second = await next();
    expect(second.headers).toMatchObject({ redelivered: 'true', 'message-id': first.headers['message-id'] });
    await withReceipt(connected.client, (receipt) => second.ack({ receipt }));
    await connected.client.deactivate();
  });

  it('goes on in dispatch with a backlog of more than one turn', async () => {
    const bodies = Array.from({ length: 300 }, (_, i) => `message ${i}`);
    for (let at = 0; at < bodies.length; at += 100) await sendByRest('backlog', ...bodies.slice(at, at + 100));
    const connected = await connect(deployed.webSocketUrl);
    const { next } = await inbox(connected, '/queue/backlog', { ack: 'auto', 'prefetch-count': '256' });
    const got: string[] = [];
    while (got.length < bodies.length) got.push((await next()).body);
    expect(got).toEqual(bodies);
    await connected.client.deactivate();
  });

  it('says what was wrong in an ERROR frame, and closes', async () => {
    const connected = await connect(deployed.webSocketUrl);
    connected.client.publish({ destination: '/queue/no name', body: '' });
    await connected.closed;
    expect(connected.error()?.headers).toMatchObject({ code: 'INVALID_DESTINATION' });
  });

  it('gives the messages of a client that left to the next one', async () => {
    const [first, second] = await Promise.all([connect(deployed.webSocketUrl), connect(deployed.webSocketUrl)]);
    const mine = await inbox(first, '/queue/left');
    await sendWithReceipt(first, '/queue/left', 'whose is it');
    await mine.next();
    first.client.webSocket?.close();
    await first.closed;
    const theirs = await inbox(second, '/queue/left');
    const message = await theirs.next();
    expect([message.body, message.headers.redelivered]).toEqual(['whose is it', 'true']);
    await second.client.deactivate();
  });

  it('answers the best subprotocol that is offered', async () => {
    const answer = await invoke('connect', {
      requestContext: { connectionId: 'of-a-test' },
      headers: { 'Sec-WebSocket-Protocol': 'v10.stomp, v12.stomp' },
    });
    expect(answer).toEqual({ statusCode: 200, headers: { 'Sec-WebSocket-Protocol': 'v12.stomp' } });
  });

  it('takes no binary frames, as API Gateway does not', async () => {
    const socket = new WebSocket(deployed.webSocketUrl, ['v12.stomp']);
    const closed = new Promise<number>((resolve) => socket.on('close', resolve));
    socket.on('open', () => socket.send(Buffer.of(0)));
    expect(await closed).toBe(1003);
  });
});
