import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type AccessSubject,
  ask,
  connectFrame,
  inTime,
  logIn,
  makeUser,
  openSocket,
  startAccessSubject,
} from '../../access-subject.ts';
import type { WebSocketStomp } from '../../web-socket-stomp.ts';

let subject: AccessSubject;
beforeAll(async () => {
  subject = await startAccessSubject();
});
afterAll(() => subject.close());

const rules = ['read,write:/queue/endings.>'];

/** A function that knows the user as it was finds the password right, and then that the user is another. */
const refusal = /not valid|changed or removed/;

async function subscribe(socket: WebSocketStomp, queue: string): Promise<void> {
  const receipt = await socket.ask(`SUBSCRIBE\nid:s\ndestination:/queue/${queue}\nreceipt:s\n\n\0`);
  expect(receipt.command).toBe('RECEIPT');
}

/** The connection is told why, closes, and its subscription is out of the queue: what is sent now stays there. */
async function expectEnded(socket: WebSocketStomp, queue: string): Promise<void> {
  expect((await socket.next()).headers.code).toBe('UNAUTHENTICATED');
  await socket.closed;
  await ask(subject, subject.administrator, 'POST', `/v1/queues/${queue}/messages`, { body: 'not for you' });
  const { json } = await ask(subject, subject.administrator, 'GET', `/v1/queues/${queue}`);
  expect(json).toMatchObject({ depth: 1, consumers: 0 });
  expect(socket.unread).toEqual([]);
}

describe('a user', () => {
  it('that is removed is let in nowhere, and its connections end', async () => {
    const authorization = await makeUser(subject, 'removed', rules);
    const socket = await logIn(subject, 'removed');
    await subscribe(socket, 'endings.removed');
    expect((await ask(subject, authorization, 'POST', '/v1/queues/endings.x/receive')).status).toBe(200);
    expect((await ask(subject, subject.administrator, 'DELETE', '/v1/users/removed')).status).toBe(204);
    await expectEnded(socket, 'endings.removed');
    expect((await ask(subject, authorization, 'POST', '/v1/queues/endings.x/receive')).status).toBe(401);
    await expect(logIn(subject, 'removed')).rejects.toThrow(refusal);
  });

  it('that is disabled is let in nowhere until it is enabled, and its connections end', async () => {
    await makeUser(subject, 'disabled', rules);
    const socket = await logIn(subject, 'disabled');
    await subscribe(socket, 'endings.disabled');
    const path = '/v1/users/disabled';
    expect((await ask(subject, subject.administrator, 'PUT', path, { disabled: true })).status).toBe(200);
    await expectEnded(socket, 'endings.disabled');
    await expect(logIn(subject, 'disabled')).rejects.toThrow(refusal);
    expect((await ask(subject, subject.administrator, 'PUT', path, { disabled: false })).status).toBe(200);
    (await inTime(() => logIn(subject, 'disabled'))).close();
  });

  it('whose password changes logs in with the new one alone, and its connections end', async () => {
    const before = await makeUser(subject, 'changed', rules);
    const socket = await logIn(subject, 'changed');
    await subscribe(socket, 'endings.changed');
    const after = await makeUser(subject, 'changed', rules, 'another secret');
    await expectEnded(socket, 'endings.changed');
    expect((await ask(subject, before, 'POST', '/v1/queues/endings.x/receive')).status).toBe(401);
    expect((await ask(subject, after, 'POST', '/v1/queues/endings.x/receive')).status).toBe(200);
  });

  it('whose rules change has the new ones alone, and its connections end', async () => {
    await makeUser(subject, 'narrowed', rules);
    const socket = await logIn(subject, 'narrowed');
    await subscribe(socket, 'endings.narrowed');
    const narrow = { rules: ['write:/queue/endings.other'] };
    expect((await ask(subject, subject.administrator, 'PUT', '/v1/users/narrowed', narrow)).status).toBe(200);
    await expectEnded(socket, 'endings.narrowed');
    const again = await inTime(() => logIn(subject, 'narrowed'));
    const error = await again.ask('SUBSCRIBE\nid:s\ndestination:/queue/endings.narrowed\n\n\0');
    expect(error.headers.code).toBe('FORBIDDEN');
  });

  it('who changes leaves the connections of others alone', async () => {
    await makeUser(subject, 'bystander', rules);
    const socket = await logIn(subject, 'bystander');
    await makeUser(subject, 'somebody', rules);
    await makeUser(subject, 'somebody', []);
    expect((await socket.ask('SEND\ndestination:/queue/endings.x\nreceipt:r\n\nx\0')).command).toBe('RECEIPT');
    socket.close();
  });
});

/** In the cloud the sweep ends it, once a minute. */
describe('a token', { timeout: 180_000, concurrent: true }, () => {
  /** Taken for about two seconds more, by the tolerance for clocks. */
  function shortLived(): Promise<string> {
    return subject.issuer.sign({ exp: Math.floor(Date.now() / 1000) - 3, cirrusmq: rules });
  }

  it('that expires ends its connections, and lets in nowhere any more', async () => {
    const token = await shortLived();
    const socket = await openSocket(subject);
    expect((await socket.ask(connectFrame('', token))).command).toBe('CONNECTED');
    await subscribe(socket, 'endings.expired');
    expect((await ask(subject, `Bearer ${token}`, 'POST', '/v1/queues/endings.y/receive')).status).toBe(200);
    await expectEnded(socket, 'endings.expired');
    expect((await ask(subject, `Bearer ${token}`, 'POST', '/v1/queues/endings.y/receive')).status).toBe(401);
  });

  it('that was shown at the upgrade ends its connections when it expires, too', async () => {
    const socket = await openSocket(subject, `Bearer ${await shortLived()}`);
    expect((await socket.ask(connectFrame())).command).toBe('CONNECTED');
    await subscribe(socket, 'endings.upgraded');
    await expectEnded(socket, 'endings.upgraded');
  });
});

it('an administrator may lose its right, by its own hand, and does so at once', async () => {
  const second = await makeUser(subject, 'second-admin', ['admin:>']);
  expect((await ask(subject, second, 'PUT', '/v1/users/second-admin', { rules: [] })).status).toBe(200);
  const list = () => ask(subject, second, 'GET', '/v1/users');
  expect([401, 403]).toContain((await list()).status);
  await inTime(async () => expect((await list()).status).toBe(403));
});
