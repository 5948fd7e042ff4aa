import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { type BrokerProcess, startBrokerProcess } from '../broker-process.ts';
import { temporaryFolder } from '../folders.ts';
import { runTraffic } from '../traffic.ts';

describe('cirrusmq serve --strict', () => {
  const folder = temporaryFolder();
  let broker: BrokerProcess;
  let url: string;
  beforeAll(async () => {
    broker = startBrokerProcess(['--data', folder.path, '--strict', '--strict-seed', '7']);
    ({ webSocketUrl: url } = await broker.ready);
  });
  afterAll(async () => {
    await broker.end();
    folder[Symbol.dispose]();
  });

  it('refuses what API Gateway refuses', async () => {
    const socket = new WebSocket(url);
    await once(socket, 'open');
    socket.send(Buffer.of(0), { binary: true });
    expect((await once(socket, 'close'))[0]).toBe(1003);
  });

  it('loses, invents and repeats nothing, with many messages under way on each connection', async () => {
    const shape = { messages: 1000, producers: 4, consumers: 4, window: 20 };
    const { ledger } = await runTraffic({ ...shape, url, queue: '/queue/strict' });
    expect(ledger.confirmedCount).toBe(shape.messages);
    expect(ledger.lost).toEqual([]);
    expect(ledger.invented).toEqual([]);
    expect(ledger.repeated).toEqual([]);
    expect(ledger.returned).toEqual([]);
  });
});
