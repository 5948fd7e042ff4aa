import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type AccessSubject,
  ask,
  basic,
  connectFrame,
  isRemote,
  makeUser,
  openSocket,
  startAccessSubject,
  textOf,
} from '../../access-subject.ts';
import { TokenIssuer } from '../../token-issuer.ts';
import { WebSocketStomp } from '../../web-socket-stomp.ts';

let subject: AccessSubject;
let alice: string;
beforeAll(async () => {
  subject = await startAccessSubject();
  alice = await makeUser(subject, 'alice', ['read,write:/queue/alice.>']);
});
afterAll(() => subject.close());

const send = 'SEND\ndestination:/queue/alice.doors\nreceipt:r\n\nhello\0';

/** Tokens that are not as they should be. */
async function badTokens(): Promise<string[]> {
  const { issuer } = subject;
  const now = Math.floor(Date.now() / 1000);
  const other = await TokenIssuer.open();
  const foreign = await other.sign({ iss: issuer.url });
  await other.close();
  const [head = '', payload = '', signature = ''] = (await issuer.sign()).split('.');
  const unsigned = Buffer.from('{"alg":"none"}').toString('base64url');
  return [
    'nonsense',
    foreign,
    await issuer.sign({ exp: now - 60 }),
    await issuer.sign({ nbf: now + 60 }),
    await issuer.sign({ iss: 'http://elsewhere.example' }),
    await issuer.sign({ aud: 'somebody-else' }),
    await issuer.sign({ sub: '' }),
    await issuer.sign({}, Buffer.from(JSON.stringify(issuer.keys)), 'HS256'),
    `${unsigned}.${payload}.`,
    `${head}.${payload}x.${signature}`,
  ];
}

describe('at the upgrade', () => {
  it('wrong credentials are refused with 401', async () => {
    const { webSocketUrl } = subject;
    expect(await WebSocketStomp.open(webSocketUrl, basic('alice', 'wrong password'))).toBe(401);
    expect(await WebSocketStomp.open(webSocketUrl, basic('nobody', 'wrong password'))).toBe(401);
    expect(await WebSocketStomp.open(webSocketUrl, 'Digest nothing')).toBe(401);
    expect(await WebSocketStomp.open(`${webSocketUrl}?access_token=nonsense`)).toBe(401);
    for (const token of await badTokens()) expect(await WebSocketStomp.open(webSocketUrl, `Bearer ${token}`)).toBe(401);
  });

  it('right credentials serve a CONNECT that bears none', async () => {
    const socket = await openSocket(subject, alice);
    expect((await socket.ask(connectFrame())).command).toBe('CONNECTED');
    expect((await socket.ask(send)).command).toBe('RECEIPT');
    socket.close();
  });

  it('a token is taken from the query, for browsers', async () => {
    const token = await subject.issuer.sign({ cirrusmq: ['write:/queue/alice.doors'] });
    const socket = await WebSocketStomp.open(`${subject.webSocketUrl}?access_token=${token}`);
    if (typeof socket === 'number') throw new Error(String(socket));
    expect((await socket.ask(connectFrame())).command).toBe('CONNECTED');
    expect((await socket.ask(send)).command).toBe('RECEIPT');
    socket.close();
  });

  it('no credentials are let in, and then nothing but CONNECT is taken', async () => {
    const socket = await openSocket(subject);
    expect((await socket.ask(send)).headers.code).toBe('NOT_CONNECTED');
    await socket.closed;
  });
});

describe('at CONNECT', () => {
  it('no credentials are an ERROR, and the connection closes', async () => {
    const socket = await openSocket(subject);
    const error = await socket.ask(connectFrame());
    expect(error).toMatchObject({ command: 'ERROR', headers: { code: 'UNAUTHENTICATED' } });
    await socket.closed;
  });

  it('a wrong password and an unknown user are answered with the same words', async () => {
    const answers = [];
    for (const [login, passcode] of [
      ['alice', 'wrong password'],
      ['nobody', 'wrong password'],
    ] as const) {
      const socket = await openSocket(subject);
      const error = await socket.ask(connectFrame(login, passcode));
      answers.push([error.command, error.headers.code, textOf(error)]);
      await socket.closed;
    }
    expect(answers[0]).toEqual(answers[1]);
    expect(answers[0]?.[1]).toBe('UNAUTHENTICATED');
  });

  it('a login and a passcode are a user and its password', async () => {
    const socket = await openSocket(subject);
    expect((await socket.ask(connectFrame('alice', 'secret of alice'))).command).toBe('CONNECTED');
    socket.close();
  });

  it('a login and a passcode of 1.0 may be padded', async () => {
    const socket = await openSocket(subject);
    const connected = await socket.ask('CONNECT\nlogin : alice \npasscode: secret of alice\n\n\0');
    expect(connected).toMatchObject({ command: 'CONNECTED', headers: { version: '1.0' } });
    socket.close();
  });

  it('a passcode without a login is a token', async () => {
    const socket = await openSocket(subject);
    const token = await subject.issuer.sign({ cirrusmq: 'openid write:/queue/alice.doors' });
    expect((await socket.ask(connectFrame('', token))).command).toBe('CONNECTED');
    expect((await socket.ask(send)).command).toBe('RECEIPT');
    socket.close();
  });

  it('a token that is expired, early, forged, unsigned or for others is refused', async () => {
    for (const token of await badTokens()) {
      const socket = await openSocket(subject);
      expect((await socket.ask(connectFrame('', token))).headers.code).toBe('UNAUTHENTICATED');
      await socket.closed;
    }
  });

  it('what follows a CONNECT that is refused, in the same message, is not done', async () => {
    const socket = await openSocket(subject);
    const error = await socket.ask(
      `${connectFrame('alice', 'wrong password')}SEND\ndestination:/queue/alice.never\n\nx\0`,
    );
    expect(error.headers.code).toBe('UNAUTHENTICATED');
    await socket.closed;
    expect((await ask(subject, subject.administrator, 'GET', '/v1/queues/alice.never')).status).toBe(404);
  });
});

describe('over REST', () => {
  it('no credentials and wrong ones are a 401 that says how to show them', async () => {
    const headers = [undefined, basic('alice', 'wrong password'), basic('nobody', 'wrong password'), 'Bearer nonsense'];
    for (const authorization of headers) {
      const answer = await ask(subject, authorization, 'GET', '/v1/queues');
      expect(answer).toMatchObject({ status: 401, json: { error: { code: 'UNAUTHENTICATED' } } });
      expect(answer.headers.get('www-authenticate')).toMatch(/^Basic realm="CirrusMQ".*Bearer/);
    }
    for (const token of await badTokens()) {
      expect((await ask(subject, `Bearer ${token}`, 'GET', '/v1/queues')).status).toBe(401);
    }
  });

  it('a password and a token let in', async () => {
    const body = { body: 'hello' };
    expect((await ask(subject, alice, 'POST', '/v1/queues/alice.rest/messages', body)).status).toBe(201);
    const token = `Bearer ${await subject.issuer.sign({ cirrusmq: ['write:/queue/alice.*'] })}`;
    expect((await ask(subject, token, 'POST', '/v1/queues/alice.rest/messages', body)).status).toBe(201);
  });

  it('only the health check and the description are for everybody', async () => {
    const { json } = await ask(subject, undefined, 'GET', '/openapi.json');
    const open: string[] = [];
    for (const [path, methods] of Object.entries(json.paths as unknown as Record<string, object>)) {
      for (const method of Object.keys(methods)) {
        const { status } = await ask(subject, undefined, method.toUpperCase(), path.replace('{name}', 'any'));
        if (status !== 401) open.push(`${method} ${path}`);
      }
    }
    expect(open.sort()).toEqual(['get /health', 'get /openapi.json']);
  });
});

it.skipIf(isRemote)('nothing of a password or a token is logged', async () => {
  const token = await subject.issuer.sign({ aud: 'somebody-else' });
  for (const passcode of ['wrong password', token]) {
    const socket = await openSocket(subject);
    await socket.ask(connectFrame(passcode === token ? '' : 'alice', passcode));
    await ask(subject, `Bearer ${passcode}`, 'GET', '/v1/queues');
  }
  await ask(subject, alice, 'GET', '/v1/queues');
  for (const secret of ['wrong password', 'secret of alice', token, alice.slice(6)]) {
    expect(subject.logged()).not.toContain(secret);
  }
});
