import { once } from 'node:events';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBroker } from '../../../lib/server/start-broker.ts';
import { type AccessSubject, ask, connectFrame, logIn, makeUser, startAccessSubject } from '../../access-subject.ts';
import { RawStomp } from '../../raw-stomp.ts';

let subject: AccessSubject;
beforeAll(async () => {
  subject = await startAccessSubject();
  await makeUser(subject, 'alice', ['write:/queue/a']);
});
afterAll(() => subject.close());

describe('the local server', () => {
  it('is reached by loopback alone', async () => {
    const others = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
    const port = Number(new URL(subject.url).port);
    for (const { address, internal, family } of others) {
      if (internal || family !== 'IPv4') continue;
      const socket = connect({ host: address, port });
      const [error] = await once(socket, 'error');
      expect(error).toMatchObject({ code: 'ECONNREFUSED' });
    }
    expect(new URL(subject.url).hostname).toBe('127.0.0.1');
  });

  it('is open to whoever reaches it where nothing else is said, and then has no users', async () => {
    const open = await startBroker({ port: 0, memory: true });
    const raw = await RawStomp.connect(open.stompUrl);
    expect((await raw.ask('SEND\ndestination:/queue/a\nreceipt:r\n\nx\0')).command).toBe('RECEIPT');
    const body = JSON.stringify({ password: 'open sesame', rules: ['admin:>'] });
    const headers = { 'content-type': 'application/json' };
    const { status } = await fetch(`${open.url}/v1/users/me`, { method: 'PUT', headers, body });
    expect(status).toBe(501);
    raw.destroy();
    await open.close();
  });

  it('asks for credentials on its TCP door, too', async () => {
    const closed = await startBroker({ port: 0, memory: true, access: {} });
    const raw = await RawStomp.open(closed.stompUrl);
    expect((await raw.ask(connectFrame())).headers.code).toBe('UNAUTHENTICATED');
    await raw.closed;
    await closed.close();
  });

  it('lets nobody write to connections by their ids where it is closed', async () => {
    const socket = await logIn(subject, 'alice');
    for (const method of ['GET', 'POST', 'DELETE']) {
      const response = await fetch(`${subject.url}/@connections/any`, { method });
      expect(response.status).toBe(403);
    }
    socket.close();
  });

  it('breaks off who does not send a CONNECT in time, whatever else comes', async () => {
    const patient = { frameIdleMs: 300 };
    const closed = await startBroker({ port: 0, memory: true, access: {}, limits: patient });
    const raw = await RawStomp.open(closed.stompUrl);
    const beats = setInterval(() => raw.send('\n'), 50);
    expect((await raw.next()).headers.code).toBe('INVALID_FRAME');
    await raw.closed;
    clearInterval(beats);
    await closed.close();
  });

  it('goes on after an upgrade that makes no sense', async () => {
    const { hostname, port } = new URL(subject.url);
    for (const target of ['//', '/?access_token=%', '/?access_token', '*']) {
      const socket = connect({ host: hostname, port: Number(port) });
      await once(socket, 'connect');
      socket.write(`GET ${target} HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n`);
      socket.write('sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n');
      await once(socket, 'data');
      socket.destroy();
    }
    expect((await ask(subject, undefined, 'GET', '/health')).status).toBe(200);
  });
});
