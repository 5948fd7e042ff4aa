import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeToken, encodeToken } from '../../../lib/shard/codec/token.ts';
import { type AccessSubject, ask, logIn, makeUser, startAccessSubject, textOf } from '../../access-subject.ts';

let subject: AccessSubject;
let writer: string;
let reader: string;
beforeAll(async () => {
  subject = await startAccessSubject();
  writer = await makeUser(subject, 'writer', ['write:/queue/orders', 'write:/queue/existing']);
  reader = await makeUser(subject, 'reader', ['read:/queue/orders']);
  await ask(subject, subject.administrator, 'PUT', '/v1/queues/existing');
});
afterAll(() => subject.close());

function sendTo(queue: string): string {
  return `SEND\ndestination:/queue/${queue}\nreceipt:r\n\nhello\0`;
}

function put(queue: string, body = 'hello') {
  return ask(subject, subject.administrator, 'POST', `/v1/queues/${queue}/messages`, { body });
}

/** A message of the queue as the administrator receives it. */
async function take(queue: string): Promise<{ readonly token: string; readonly body: string } | undefined> {
  const { json } = await ask(subject, subject.administrator, 'POST', `/v1/queues/${queue}/receive`, { waitSeconds: 5 });
  return (json.messages as unknown as { token: string; body: string }[])[0];
}

async function stateOf(queue: string) {
  return (await ask(subject, subject.administrator, 'GET', `/v1/queues/${queue}`)).json;
}

describe('over STOMP', () => {
  it('a SEND without the right is an ERROR that names it, closes, and sends nothing', async () => {
    const socket = await logIn(subject, 'reader');
    const error = await socket.ask(sendTo('orders'));
    expect(error).toMatchObject({ command: 'ERROR', headers: { code: 'FORBIDDEN', 'receipt-id': 'r' } });
    expect(textOf(error)).toMatch(/"write" to \/queue\/orders/);
    await socket.closed;
    expect((await stateOf('orders')).depth ?? 0).toBe(0);
  });

  it('a SUBSCRIBE without the right is an ERROR that names it, closes, and gets nothing', async () => {
    await put('existing');
    const socket = await logIn(subject, 'writer');
    const error = await socket.ask('SUBSCRIBE\nid:s\ndestination:/queue/existing\n\n\0');
    expect(error).toMatchObject({ command: 'ERROR', headers: { code: 'FORBIDDEN' } });
    expect(textOf(error)).toMatch(/"read" to \/queue\/existing/);
    await socket.closed;
    expect(await stateOf('existing')).toMatchObject({ depth: 1, consumers: 0 });
    await take('existing');
  });

  it('a browse without the right is an ERROR that names it, closes, and shows nothing', async () => {
    await put('existing');
    const socket = await logIn(subject, 'writer');
    const error = await socket.ask('SUBSCRIBE\nid:s\ndestination:/queue/existing\nbrowser:true\n\n\0');
    expect(error).toMatchObject({ command: 'ERROR', headers: { code: 'FORBIDDEN' } });
    expect(textOf(error)).toMatch(/"read" to \/queue\/existing/);
    await socket.closed;
    expect(socket.unread).toEqual([]);
    await take('existing');
  });

  it('a refusal does not tell whether there is such a destination', async () => {
    const texts = [];
    for (const queue of ['existing', 'missing']) {
      const socket = await logIn(subject, 'reader');
      texts.push(textOf(await socket.ask(sendTo(queue))).replace(queue, 'q'));
    }
    expect(texts[0]).toBe(texts[1]);
    expect((await ask(subject, subject.administrator, 'GET', '/v1/queues/missing')).status).toBe(404);
  });

  it('what came before a SEND that is not allowed is done', async () => {
    const socket = await logIn(subject, 'writer');
    expect((await socket.ask(`${sendTo('existing')}${sendTo('forbidden')}${sendTo('existing')}`)).command).toBe(
      'RECEIPT',
    );
    expect((await socket.next()).headers.code).toBe('FORBIDDEN');
    await socket.closed;
    expect((await stateOf('existing')).depth).toBe(1);
    await take('existing');
  });

  it('an ACK or NACK with a token of a queue that one may not read is refused, and the delivery stays', async () => {
    await put('private');
    const { token = '' } = (await take('private')) ?? {};
    for (const verb of ['ACK', 'NACK']) {
      const socket = await logIn(subject, 'reader');
      const error = await socket.ask(`${verb}\nid:${token}\n\n\0`);
      expect(error.headers.code).toBe('FORBIDDEN');
      await socket.closed;
    }
    expect(await stateOf('private')).toMatchObject({ depth: 0, inFlight: 1 });
  });

  it('a token that is forged for another queue is held against the rules of that queue', async () => {
    await put('hidden');
    const theirs = decodeToken((await take('hidden'))?.token ?? '');
    const socket = await logIn(subject, 'reader');
    const error = await socket.ask(`ACK\nid:${encodeToken({ ...theirs, attempt: 1 })}\n\n\0`);
    expect(error.headers.code).toBe('FORBIDDEN');
    expect((await stateOf('hidden')).inFlight).toBe(1);
  });

  it('a subscription with the right is given messages, and acknowledges them', async () => {
    const socket = await logIn(subject, 'reader');
    socket.send('SUBSCRIBE\nid:s\ndestination:/queue/orders\nack:client-individual\n\n\0');
    const producer = await logIn(subject, 'writer');
    expect((await producer.ask(sendTo('orders'))).command).toBe('RECEIPT');
    const message = await socket.next();
    expect((await socket.ask(`ACK\nid:${message.headers.ack}\nreceipt:a\n\n\0`)).command).toBe('RECEIPT');
    expect(await stateOf('orders')).toMatchObject({ depth: 0, inFlight: 0 });
    socket.close();
    producer.close();
  });
});

describe('over REST', () => {
  it('a request without the right is a 403 that names it', async () => {
    const requests: [string, string, string, string, unknown?][] = [
      [reader, 'write', 'POST', '/v1/queues/orders/messages', { body: 'x' }],
      [writer, 'read', 'POST', '/v1/queues/orders/receive'],
      [writer, 'read', 'GET', '/v1/queues/orders/messages'],
      [writer, 'admin', 'DELETE', '/v1/queues/orders/messages'],
      [reader, 'admin', 'DELETE', '/v1/queues/orders'],
      [reader, 'admin', 'PUT', '/v1/queues/orders'],
      [reader, 'admin', 'GET', '/v1/queues/orders'],
      [reader, 'admin', 'GET', '/v1/queues/missing'],
    ];
    for (const [who, right, method, path, body] of requests) {
      const { status, json } = await ask(subject, who, method, path, body);
      expect({ path, status }).toEqual({ path, status: 403 });
      expect(json.error).toMatchObject({
        code: 'FORBIDDEN',
        details: { right, destination: path.split('/').slice(0, 4).join('/').replace('/v1/queues', '/queue') },
      });
    }
  });

  it('a queue that one does not administer is not moved to another destination group', async () => {
    const { status, json } = await ask(subject, reader, 'POST', '/v1/groups/move', { destination: '/queue/orders' });
    expect(status).toBe(403);
    expect(json.error).toMatchObject({ details: { right: 'admin', destination: '/queue/orders' } });
    expect((await ask(subject, reader, 'GET', '/v1/groups')).status).toBe(403);
  });

  it('tokens of a queue that one may not read are not acknowledged, rejected or extended', async () => {
    await put('sealed');
    const token = (await take('sealed'))?.token;
    for (const verb of ['acknowledge', 'reject', 'extend']) {
      const body = { tokens: [token], ...(verb === 'extend' ? { visibilitySeconds: 0 } : {}) };
      expect((await ask(subject, reader, 'POST', `/v1/deliveries/${verb}`, body)).status).toBe(403);
    }
    expect(await stateOf('sealed')).toMatchObject({ depth: 0, inFlight: 1 });
  });

  it('a list shows the queues that one administers, and no name of another', async () => {
    for (const queue of ['team.a', 'team.b', 'team.c', 'zebra']) await put(queue);
    const lead = await makeUser(subject, 'lead', ['admin:/queue/team.*']);
    const first = await ask(subject, lead, 'GET', '/v1/queues?limit=2');
    expect(first.json).toMatchObject({ queues: [{ name: 'team.a' }, { name: 'team.b' }], next: 'team.b' });
    const second = await ask(subject, lead, 'GET', '/v1/queues?limit=2&after=team.b');
    expect((second.json.queues as unknown as { name: string }[]).map(({ name }) => name)).toEqual(['team.c']);
    expect(second.json.next).toBeUndefined();
    expect((await ask(subject, reader, 'GET', '/v1/queues')).status).toBe(403);
  });

  it('users are managed by those alone who administer everything', async () => {
    const lead = await makeUser(subject, 'queues-lead', ['admin:/queue/>']);
    const change = { rules: ['read,write,admin:>'] };
    for (const [method, path, body] of [
      ['GET', '/v1/users'],
      ['GET', '/v1/users/reader'],
      ['PUT', '/v1/users/queues-lead', change],
      ['DELETE', '/v1/users/reader'],
    ] as const) {
      expect((await ask(subject, lead, method, path, body)).status).toBe(403);
    }
    const { status, json } = await ask(subject, subject.administrator, 'GET', '/v1/users/reader');
    expect({ status, json }).toEqual({
      status: 200,
      json: { name: 'reader', rules: ['read:/queue/orders'], disabled: false },
    });
  });
});

it('no rule is no right', async () => {
  const nobody = await makeUser(subject, 'powerless', []);
  expect((await ask(subject, nobody, 'POST', '/v1/queues/orders/receive')).status).toBe(403);
  expect((await ask(subject, nobody, 'POST', '/v1/queues/orders/messages', { body: 'x' })).status).toBe(403);
  expect((await ask(subject, nobody, 'GET', '/v1/queues')).status).toBe(403);
});

it("a dead-letter queue is read by a rule of its own, and the broker's own moves need none", async () => {
  const worker = await makeUser(subject, 'worker', ['read:/queue/fragile']);
  await put('fragile', 'breaks');
  for (let delivery = 0; delivery < 6; delivery++) {
    const received = await ask(subject, worker, 'POST', '/v1/queues/fragile/receive', { waitSeconds: 5 });
    const [message] = received.json.messages as unknown as { token: string }[];
    expect((await ask(subject, worker, 'POST', '/v1/deliveries/reject', { tokens: [message?.token] })).status).toBe(
      200,
    );
  }
  expect((await ask(subject, worker, 'POST', '/v1/queues/DLQ.fragile/receive', { waitSeconds: 5 })).status).toBe(403);
  expect((await take('DLQ.fragile'))?.body).toBe('breaks');
});

it('a transaction needs the right to each destination that it sends to, and to what it acknowledges', async () => {
  await put('orders', 'kept');
  const received = await ask(subject, reader, 'POST', '/v1/queues/orders/receive', { waitSeconds: 5 });
  const [message] = received.json.messages as unknown as { token: string }[];
  const acknowledge = [message?.token];
  const sends = [{ destination: '/queue/orders', body: 'more' }];
  const transact = (user: typeof reader, transaction: object) =>
    ask(subject, user, 'POST', '/v1/transactions', transaction);
  expect((await transact(reader, { sends, acknowledge })).status).toBe(403);
  expect((await transact(writer, { sends, acknowledge })).status).toBe(403);
  expect((await transact(writer, { sends: [...sends, { destination: 'other', body: 'x' }] })).status).toBe(403);
  expect((await transact(reader, { acknowledge })).status).toBe(200);
});

it('an id of a transaction says nothing of another user’s', async () => {
  const id = 'shared-by-two-users';
  const sends = [{ destination: '/queue/orders', body: 'mine' }];
  expect((await ask(subject, writer, 'POST', '/v1/transactions', { id, sends })).status).toBe(200);
  expect((await ask(subject, reader, 'GET', `/v1/transactions/${id}`)).status).toBe(404);
  expect((await ask(subject, writer, 'GET', `/v1/transactions/${id}`)).json).toMatchObject({ state: 'committed' });
  expect((await take('orders'))?.body).toBe('mine');
});

it('a reply-to gives no right to the destination that it names', async () => {
  const body = { body: 'who are you?', replyTo: '/queue/replies' };
  expect((await ask(subject, writer, 'POST', '/v1/queues/orders/messages', body)).status).toBe(201);
  const received = await ask(subject, reader, 'POST', '/v1/queues/orders/receive', { waitSeconds: 5 });
  const [message] = received.json.messages as unknown as { token: string; replyTo: string }[];
  expect(message?.replyTo).toBe('/queue/replies');
  expect((await ask(subject, reader, 'POST', '/v1/queues/replies/messages', { body: 'me' })).status).toBe(403);
  expect((await ask(subject, writer, 'POST', '/v1/queues/replies/receive')).status).toBe(403);
  await ask(subject, reader, 'POST', '/v1/deliveries/acknowledge', { tokens: [message?.token] });
});
