import { describe, expect, it } from 'vitest';
import type { Limits } from '../../lib/model/limits.ts';
import { MemoryStore } from '../../lib/store/memory/memory-store.ts';
import { brokerOn } from '../fuzz/broker-on.ts';
import { type DamagedPart, damagedStore, rememberingPages } from '../fuzz/damaged-store.ts';
import { RawStomp, textOf } from '../raw-stomp.ts';

/** Enough for references to be written out as pages. */
const BACKLOG = 40;

type Reply = { readonly status: number; readonly json: { readonly error?: { code: string; message: string } } };

async function ask(url: string, method: string, body?: unknown): Promise<Reply> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
  const text = await response.text();
  return { status: response.status, json: JSON.parse(text || '{}') as Reply['json'] };
}

/** A broker that finds one part of what `/queue/hurt` has stored with one bit wrong. */
async function startHurt(part: DamagedPart, limits: Partial<Limits> = {}) {
  const { store, pages } = rememberingPages(new MemoryStore());
  const before = await brokerOn(store);
  for (const queue of ['hurt', 'sound']) {
    for (let i = 0; i < BACKLOG; i++) {
      await ask(`${before.urls.url}/v1/queues/${queue}/messages`, 'POST', { body: `${queue} ${i}` });
    }
  }
  await before.close();
  const damage = (bytes: Uint8Array) => bytes.map((octet, at) => (at === bytes.length >> 1 ? octet ^ 1 : octet));
  const log: Record<string, unknown>[] = [];
  const hurt = damagedStore(store, { pages }, { shard: '/queue/hurt', part, damage });
  const broker = await brokerOn(
    hurt,
    (event, details, error) => log.push({ event, ...details, code: error?.code }),
    limits,
  );
  return { broker, log, url: broker.urls.url };
}

describe.each(['state', 'entry', 'batch', 'page'] as const)('a queue with a damaged %s', (part) => {
  it('is set aside and named in the log, refuses clearly, and leaves all others alone', async () => {
    const { broker, log, url } = await startHurt(part);
    const hurt = `${url}/v1/queues/hurt`;
    const first = await ask(`${hurt}/receive`, 'POST', { max: BACKLOG });
    expect(first).toMatchObject({ status: 500, json: { error: { code: 'CORRUPT', retryable: false } } });
    expect(first.json.error?.message).toContain('/queue/hurt is damaged');
    // What comes before the damage is found out may be taken: it is durable, and waits for the repair.
    await ask(`${hurt}/messages`, 'POST', { body: 'before it is known' });
    await expect.poll(() => log).toContainEqual({ event: 'shard quarantined', shard: '/queue/hurt', code: 'CORRUPT' });
    expect(await ask(`${hurt}/messages`, 'POST', { body: 'after' })).toMatchObject({
      status: 500,
      json: { error: { code: 'CORRUPT' } },
    });
    const raw = await RawStomp.connect(broker.urls.stompUrl);
    const refusal = await raw.ask('SEND\ndestination:/queue/hurt\nreceipt:r\n\nbody\0');
    expect(refusal).toMatchObject({ command: 'ERROR', headers: { code: 'CORRUPT' } });
    expect(textOf(refusal)).not.toMatch(/ at .*:\d+/);
    const sound = await ask(`${url}/v1/queues/sound/receive`, 'POST', { max: BACKLOG });
    expect(sound).toMatchObject({ status: 200, json: { messages: { length: BACKLOG } } });
    await broker.close();
  });
});

/** What the deletion can say of 40 messages and, where the inbox is damaged, of the one request that waits there. */
const lostWith = {
  state: {},
  entry: { messages: BACKLOG },
  batch: { messages: BACKLOG },
  page: { messages: BACKLOG },
} as const;

describe.each(['state', 'entry', 'batch', 'page'] as const)('a queue with a damaged %s that is deleted', (part) => {
  it('goes with all that is in it, the reply and the log say what that was, and its name is free again', async () => {
    const { broker, log, url } = await startHurt(part);
    const hurt = `${url}/v1/queues/hurt`;
    await ask(`${hurt}/receive`, 'POST', { max: BACKLOG });
    const deleted = await ask(hurt, 'DELETE');
    expect(deleted).toMatchObject({ status: 200, json: { damaged: true, lost: lostWith[part] } });
    expect(log).toContainEqual(
      expect.objectContaining({ event: 'damaged queue deleted', shard: '/queue/hurt', ...lostWith[part] }),
    );
    expect(await ask(hurt, 'GET')).toMatchObject({ status: 404 });
    await ask(`${hurt}/messages`, 'POST', { body: 'anew' });
    expect(await ask(`${hurt}/receive`, 'POST', { max: BACKLOG })).toMatchObject({
      status: 200,
      json: { messages: [{ body: 'anew' }] },
    });
    await broker.close();
  });
});

describe('a dead-letter queue that is damaged', () => {
  it('can be deleted, and the queue that it is of goes on with its dead letters', async () => {
    const { store, pages } = rememberingPages(new MemoryStore());
    const before = await brokerOn(store);
    await ask(`${before.urls.url}/v1/queues/DLQ.source/messages`, 'POST', { body: 'lost' });
    await before.close();
    const damage = (bytes: Uint8Array) => bytes.map((octet, at) => (at === bytes.length >> 1 ? octet ^ 1 : octet));
    const log: string[] = [];
    const hurt = damagedStore(store, { pages }, { shard: '/queue/DLQ.source', part: 'state', damage });
    const { urls, close } = await brokerOn(hurt, (event) => log.push(event), { deliveries: 1 });
    const [source, dead] = [`${urls.url}/v1/queues/source`, `${urls.url}/v1/queues/DLQ.source`];
    // The first is taken before the damage is found out, and goes with it.
    for (const [body, event] of [
      ['first', 'shard quarantined'],
      ['poison', 'forward refused'],
    ]) {
      await ask(`${source}/messages`, 'POST', { body });
      const taken = await ask(`${source}/receive`, 'POST', { max: 1 });
      const tokens = (taken.json as { messages?: { token: string }[] }).messages?.map(({ token }) => token);
      await ask(`${urls.url}/v1/deliveries/reject`, 'POST', { tokens });
      await expect.poll(() => log).toContain(event);
    }
    expect(await ask(dead, 'DELETE')).toMatchObject({ status: 200, json: { damaged: true, lost: { requests: 1 } } });
    const moved = { status: 200, json: { messages: [{ body: 'poison' }] } };
    await expect.poll(() => ask(`${dead}/messages`, 'GET'), { timeout: 20_000 }).toMatchObject(moved);
    await close();
  });
});

describe('a listing of queues', () => {
  it('shows a damaged queue as such, among the others', async () => {
    const { broker, url } = await startHurt('state');
    expect(await ask(`${url}/v1/queues`, 'GET')).toMatchObject({
      status: 200,
      json: {
        queues: [
          { name: 'hurt', damaged: true },
          { name: 'sound', depth: BACKLOG },
        ],
      },
    });
    await broker.close();
  });
});
