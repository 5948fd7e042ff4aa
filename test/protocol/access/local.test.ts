import { once } from 'node:events';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBroker } from '../../../lib/server/start-broker.ts';
import { type AccessSubject, ask, connectFrame, logIn, makeUser, startAccessSubject } from '../../access-subject.ts';
import { RawStomp } from '../../raw-stomp.ts';
import { WebSocketStomp } from '../../web-socket-stomp.ts';

const wrongHeader = `Authorization: Basic ${btoa('alice:not her password')}\r\n`;

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

  it.each([
    ['on its own', undefined],
    ['behind the model of API Gateway', true],
  ] as const)(
    'opens no WebSocket without credentials where they are asked for at the upgrade, %s',
    async (_, strict) => {
      const administrator = { name: 'root', password: 'open sesame' };
      const access = { credentialsAtUpgrade: true, administrator };
      const closed = await startBroker({ port: 0, memory: true, access, ...(strict && { strict }) });
      expect(await WebSocketStomp.open(closed.webSocketUrl)).toBe(401);
      const known = await WebSocketStomp.open(closed.webSocketUrl, `Basic ${btoa('root:open sesame')}`);
      if (typeof known === 'number') throw new Error(String(known));
      expect((await known.ask(connectFrame())).command).toBe('CONNECTED');
      known.close();
      await closed.close();
    },
  );

  it('asks for credentials on its TCP door, too', async () => {
    const closed = await startBroker({ port: 0, memory: true, access: {} });
    const raw = await RawStomp.open(closed.stompUrl);
    expect((await raw.ask(connectFrame())).headers.code).toBe('UNAUTHENTICATED');
    await raw.closed;
    await closed.close();
  });

  it('lets a CONNECT on its TCP door show credentials, where WebSockets show them at the upgrade', async () => {
    const administrator = { name: 'root', password: 'open sesame' };
    const closed = await startBroker({ port: 0, memory: true, access: { credentialsAtUpgrade: true, administrator } });
    const raw = await RawStomp.open(closed.stompUrl);
    expect((await raw.ask(connectFrame('root', 'open sesame'))).command).toBe('CONNECTED');
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

  it.each([
    ['no credentials', ''],
    ['wrong credentials', wrongHeader],
  ])('answers %s before a large body has come', async (_, authorization) => {
    const socket = connect({ host: '127.0.0.1', port: Number(new URL(subject.url).port) });
    const head = `POST /v1/queues/a/messages HTTP/1.1\r\nHost: localhost\r\n${authorization}Content-Type: text/plain`;
    socket.write(`${head}\r\nContent-Length: 30000000\r\n\r\nthe beginning of it`);
    const [reply] = await once(socket, 'data');
    expect(String(reply)).toMatch(/^HTTP\/1.1 401 [\s\S]*www-authenticate: Basic/i);
    socket.destroy();
  });

  it('takes a large body of who may send it', async () => {
    const headers = { authorization: `Basic ${btoa('alice:secret of alice')}`, 'content-type': 'text/plain' };
    const body = 'x'.repeat(1_000_000);
    const reply = await fetch(`${subject.url}/v1/queues/a/messages`, { method: 'POST', headers, body });
    expect(reply.status).toBe(201);
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
