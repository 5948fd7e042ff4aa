import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshName, type Subject, startSubject } from '../subject.ts';

type Received = { readonly body: string; readonly token: string; readonly redelivered: boolean };

let subject: Subject;
beforeAll(async () => {
  subject = await startSubject();
});
afterAll(async () => await subject.close());

async function ask(method: string, path: string, body?: unknown) {
  const init =
    body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const response = await fetch(`${subject.url}/v1/${path}`, { method, ...init });
  return { status: response.status, json: (await response.json()) as never };
}

async function send(queue: string, ...bodies: string[]): Promise<void> {
  await ask('POST', `queues/${queue}/messages`, { messages: bodies.map((body) => ({ body })) });
}

async function receive(queue: string, options: object = {}): Promise<Received[]> {
  const { json } = await ask('POST', `queues/${queue}/receive`, { max: 10, ...options });
  return (json as { messages: Received[] }).messages;
}

const transact = (transaction: object) => ask('POST', 'transactions', transaction);
const bodiesOf = (messages: readonly Received[]) => messages.map(({ body }) => body);

describe('a transaction over REST', () => {
  it('moves a message from one queue to others, and says so', async () => {
    const [from, one, two] = [freshName(), freshName(), freshName()];
    await send(from, 'order');
    const [order] = await receive(from);
    const sends = [
      { destination: `/queue/${one}`, body: 'paid', headers: { tenant: 'acme' } },
      { destination: two, body: 'shipped' },
      { destination: `/queue/${one}`, body: 'billed' },
      { destination: `/queue/${from}`, body: 'next' },
    ];
    const { status, json } = await transact({ sends, acknowledge: [order?.token] });
    expect([status, json]).toMatchObject([200, { state: 'committed' }]);
    expect(bodiesOf(await receive(one))).toEqual(['paid', 'billed']);
    expect(bodiesOf(await receive(two))).toEqual(['shipped']);
    const [next] = await receive(from);
    expect(next).toMatchObject({ body: 'next', redelivered: false });
    const { id } = json as { id: string };
    expect((await ask('GET', `transactions/${id}`)).json).toEqual({ id, state: 'committed' });
  });

  it('does nothing where one of its deliveries is over, and gives the others back', async () => {
    const [from, to] = [freshName(), freshName()];
    await send(from, 'a', 'b');
    const [a, b] = await receive(from, { visibilitySeconds: 60 });
    await ask('POST', 'deliveries/acknowledge', { tokens: [a?.token] });
    const aborted = await transact({ sends: [{ destination: to, body: 'x' }], acknowledge: [a?.token, b?.token] });
    expect([aborted.status, aborted.json]).toMatchObject([409, { error: { code: 'TRANSACTION_ABORTED' } }]);
    expect(await receive(to)).toEqual([]);
    expect(await receive(from, { waitSeconds: 5 })).toMatchObject([{ body: 'b', redelivered: true }]);
  });

  it('is carried out once under an id of its own, and is asked for by that', async () => {
    const [id, to] = [randomUUID(), freshName()];
    expect((await ask('GET', `transactions/${id}`)).status).toBe(404);
    const asked = { id, sends: [{ destination: to, body: 'once' }] };
    for (let tries = 0; tries < 3; tries++) {
      expect((await transact(asked)).json).toEqual({ id, state: 'committed' });
    }
    expect(bodiesOf(await receive(to))).toEqual(['once']);
    expect((await ask('GET', `transactions/${id}`)).json).toEqual({ id, state: 'committed' });
  });

  it('that was aborted says so again under its id', async () => {
    const [id, from, to] = [randomUUID(), freshName(), freshName()];
    await send(from, 'a');
    const [a] = await receive(from);
    await ask('POST', 'deliveries/acknowledge', { tokens: [a?.token] });
    const asked = { id, sends: [{ destination: to, body: 'x' }], acknowledge: [a?.token] };
    for (let tries = 0; tries < 2; tries++) expect((await transact(asked)).status).toBe(409);
    expect((await ask('GET', `transactions/${id}`)).json).toEqual({ id, state: 'aborted' });
    expect(await receive(to)).toEqual([]);
  });

  it('sends to topics and queues alike, in batches of any size', async () => {
    const [topic, to] = [freshName(), freshName()];
    const many = Array.from({ length: 150 }, (_, i) => ({ destination: `/queue/${to}`, body: `m${i}` }));
    const { status } = await transact({ sends: [{ destination: `/topic/${topic}`, body: 'news' }, ...many] });
    expect(status).toBe(200);
    const got: string[] = [];
    while (got.length < many.length) got.push(...bodiesOf(await receive(to, { max: 50, waitSeconds: 5 })));
    expect(got).toEqual(many.map(({ body }) => body));
  });

  it('keeps what is said of a message: persistence, expiry, headers', async () => {
    const [from, to] = [freshName(), freshName()];
    await send(from, 'a');
    const [a] = await receive(from);
    const sends = [
      { destination: to, body: 'short', timeToLiveMs: 1 },
      { destination: to, body: 'light', persistent: false, priority: 7, correlationId: 'c' },
    ];
    await transact({ sends, acknowledge: [a?.token] });
    const messages = await receive(to, { waitSeconds: 5 });
    expect(messages).toMatchObject([{ body: 'light', persistent: false, priority: 7, correlationId: 'c' }]);
  });

  it.each<[string, (token: string, other: string) => object, number, string, RegExp]>([
    ['does nothing', () => ({}), 400, 'INVALID_REQUEST', /sends or acknowledges something/],
    ['names a field that there is not', () => ({ send: [] }), 400, 'INVALID_REQUEST', /sends, acknowledge/],
    ['has an id that is too short', () => ({ id: 'x', sends: [] }), 400, 'INVALID_REQUEST', /16 to 64/],
    ['acknowledges what is no token', () => ({ acknowledge: ['x'] }), 400, 'INVALID_TOKEN', /names no delivery/],
    ['sends nowhere', () => ({ sends: [{ body: 'x' }] }), 400, 'INVALID_REQUEST', /destination is missing/],
    [
      'sends to what is not built',
      () => ({ sends: [{ destination: '/temp-queue/x', body: 'x' }] }),
      501,
      'NOT_SUPPORTED',
      /temp-queue/,
    ],
    [
      'ends deliveries of two queues',
      (token, other) => ({ acknowledge: [token, other] }),
      501,
      'NOT_SUPPORTED',
      /deliveries of one queue/,
    ],
    [
      'has more actions than it may',
      () => ({ sends: Array(1001).fill({ destination: 'q', body: '' }) }),
      400,
      'INVALID_REQUEST',
      /at most 1000 entries/,
    ],
  ])('that %s is refused, and nothing of it happens', async (_, made, status, code, message) => {
    const [one, two] = [freshName(), freshName()];
    await Promise.all([send(one, 'a'), send(two, 'b')]);
    const [[a], [b]] = await Promise.all([receive(one), receive(two)]);
    const answer = await transact(made(a?.token ?? '', b?.token ?? ''));
    const { error } = answer.json as { error: { code: string; message: string } };
    expect([answer.status, error.code]).toEqual([status, code]);
    expect(error.message).toMatch(message);
    const tokens = [a?.token, b?.token];
    expect((await ask('POST', 'deliveries/acknowledge', { tokens })).status).toBe(200);
  });
});
