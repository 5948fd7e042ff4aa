import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BrokerError } from '../../lib/model/errors.ts';
import { binary, openEnv } from '../../lib/store/lmdb/database.ts';
import { openLmdbStore } from '../../lib/store/lmdb/lmdb-store.ts';
import { stamp, unstamp } from '../../lib/store/lmdb/stamped.ts';
import type { Store } from '../../lib/store/port.ts';
import { lookInto } from './data-in-file.ts';
import { appending, blob, bytes, committing, lease, MINUTE, texts } from './given.ts';
import { printed, startConfined, startScript } from './process/run.ts';

let path: string;
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'cirrusmq-lmdb-'));
});
afterEach(() => rm(path, { recursive: true, force: true }));

describe('an embedded store', () => {
  test('shows everything when it is opened again', async () => {
    const first = await openLmdbStore({ path, owner: 'first' });
    await first.append('q', appending(['a', 'b'], { ring: lease('n', 5), blobs: [blob('k', 'body')], minute: 7 }));
    const { head } = await first.commit('q', committing('n', { absorbed: 1, lease: lease('n', 6), wake: 9 }));
    await first.putRecord({ family: 'f', name: 'n' }, bytes('value'));
    await first.close();

    const second = await openLmdbStore({ path, owner: 'second' });
    expect(structuredClone(await second.readHead('q'))).toEqual(structuredClone(head));
    expect(texts([...(await second.getBlobs('q', ['k'])).values()])).toEqual(['body']);
    expect(await second.due(9, 10)).toEqual([
      { shard: 'q', minute: 7, kind: 'ring' },
      { shard: 'q', minute: 9, kind: 'wake' },
    ]);
    expect(texts([(await second.getRecord({ family: 'f', name: 'n' })) ?? bytes('')])).toEqual(['value']);
    await second.close();
  });

  test('hands out the very state that was committed', async () => {
    const store = await openLmdbStore({ path, owner: 'first' });
    const state = bytes('state');
    await store.append('q', appending(['a'], { ring: lease('n') }));
    await store.commit('q', committing('n', { state }));
    expect((await store.readHead('q'))?.state).toBe(state);
    expect((await store.append('q', appending(['b']))).head?.state).toBe(state);
    await store.close();
  });

  test('deletes what is discarded, in the same commit', async () => {
    const store = await openLmdbStore({ path, owner: 'first' });
    await store.append('q', appending(['a'], { ring: lease('n'), blobs: [blob('k')] }));
    await store.commit('q', committing('n', { absorbed: 1, discard: ['k'] }));
    expect((await store.getBlobs('q', ['k'])).size).toBe(0);
    await store.close();
  });

  test('makes appends to several shards durable with one transaction', async () => {
    const store = await openLmdbStore({ path, owner: 'first' });
    const before = transactionsSoFar(path);
    const appends = ['a', 'b', 'c'].map((shard) => ({ shard, ...appending([shard], { blobs: [blob('k')] }) }));
    await store.appendAll?.(appends, () => true);
    expect(transactionsSoFar(path) - before).toBe(1);
    await store.close();
  });

  test('makes many awaited writes durable with one transaction', async () => {
    const store = await openLmdbStore({ path, owner: 'first' });
    const before = transactionsSoFar(path);
    const workers = Array.from({ length: 64 }, async (_, worker) => {
      for (let at = 0; at < 20; at++) await store.append(`q${worker}`, appending([String(at)]));
    });
    await Promise.all(workers);
    expect(transactionsSoFar(path) - before).toBeLessThan((64 * 20) / 8);
    await store.close();
  });

  test('keeps more shards than it holds in memory', async () => {
    const store = await openLmdbStore({ path, owner: 'first' });
    const shards = Array.from({ length: 20_500 }, (_, at) => `q${at}`);
    await Promise.all(shards.map((shard) => store.append(shard, appending([shard]))));
    const more = Array.from({ length: 1000 }, (_, at) => `more${at}`);
    for (const shard of more) await store.readHead(shard);
    for (const shard of shards) expect(texts((await store.readHead(shard))?.inbox ?? [])).toEqual([shard]);
    await store.close();
  });

  test('drops records that have expired some time after it is opened, and no body, whatever its clock says', async () => {
    const first = await openLmdbStore({ path, owner: 'first' });
    await first.append('q', appending(['a'], { blobs: [{ ...blob('old'), expiresAt: 1 }, blob('new')] }));
    await first.putRecord({ family: 'f', name: 'old' }, bytes('x'), { expiresAt: 1 });
    await first.putRecord({ family: 'f', name: 'new' }, bytes('x'));
    await first.close();
    await stampBody(path, 'q\0new', 1);
    const second = await openLmdbStore({ path, owner: 'second' });
    const names = async () => (await second.listRecords('f', '', 10)).map(({ name }) => name);
    await expect.poll(names).toEqual(['new']);
    await second.keepBlobs('q', ['old', 'new'], 2);
    expect([...(await second.getBlobs('q', ['old', 'new'])).keys()]).toEqual(['old', 'new']);
    await second.close();
  });
});

describe('the bodies of a head that is removed', () => {
  const MANY = 1000;

  test('go in small steps, while others are served', async () => {
    const store = await openLmdbStore({ path, owner: 'first' });
    const file = lookInto(path);
    await fillAndRemove(store, 'q', MANY);
    await store.append('q', appending(['z'], { blobs: [blob('0', 'anew')] }));
    const seen = new Set<number>();
    for (let left = MANY; left > 1; left = file.bodies()) {
      seen.add(left);
      await store.append('other', appending([]));
    }
    expect(seen.size).toBeGreaterThan(5);
    expect(file.notes()).toBe(0);
    expect(texts([...(await store.getBlobs('q', ['0', '1'])).values()])).toEqual(['anew']);
    await store.close();
  });

  test('go on to go after a restart, and those of the head that was made anew stay', async () => {
    const first = await openLmdbStore({ path, owner: 'first' });
    await fillAndRemove(first, 'q', MANY);
    await first.append('q', appending(['z'], { blobs: [blob('0', 'anew')], ring: lease('n') }));
    await first.close();
    const between = lookInto(path);
    expect(between.bodies()).toBeGreaterThan(MANY / 2);
    await between.close();

    const second = await openLmdbStore({ path, owner: 'second' });
    const file = lookInto(path);
    await expect.poll(() => file.bodies()).toBe(1);
    expect(texts([...(await second.getBlobs('q', ['0', '1'])).values()])).toEqual(['anew']);
    await second.commit('q', committing('n', { absorbed: 1, discard: ['0'] }));
    expect(file.bodies()).toBe(0);
    await second.close();
  });

  test('are told apart however often a head is removed and made anew meanwhile', async () => {
    const store = await openLmdbStore({ path, owner: 'first' });
    const file = lookInto(path);
    for (const name of ['first', 'second', 'third']) {
      await store.append('q', appending([], { blobs: [blob('k', name), ...bodies(200)], ring: lease('n') }));
      await store.commit('q', committing('n'));
      expect(texts([...(await store.getBlobs('q', ['k'])).values()])).toEqual([name]);
      expect(await store.removeHead('q', 1)).toBe(true);
      expect((await store.getBlobs('q', ['k'])).size).toBe(0);
    }
    await store.append('q', appending([], { blobs: [blob('k', 'fourth')] }));
    await expect.poll(() => file.bodies()).toBe(1);
    expect(texts([...(await store.getBlobs('q', ['k'])).values()])).toEqual(['fourth']);
    await store.close();
  });
});

describe('a head that cannot be read', () => {
  test('can be removed, with the bodies of every head of that name, and then begins anew', async () => {
    const first = await openLmdbStore({ path, owner: 'first' });
    await fillAndRemove(first, 'q', 200);
    await first.append('q', appending(['z'], { blobs: bodies(3), minute: MINUTE }));
    await first.append('qq', appending(['z'], { blobs: [blob('other')] }));
    await first.close();
    await scribbleOver(path, 'q');

    const store = await openLmdbStore({ path, owner: 'second' });
    const file = lookInto(path);
    expect(await codeOf(store.readHead('q'))).toBe('CORRUPT');
    expect(await codeOf(store.removeHead('q', 0))).toBe('CORRUPT');
    expect(await store.removeHead('q', undefined)).toBe(true);
    expect(await store.readHead('q')).toBeUndefined();
    await expect.poll(() => file.bodies()).toBe(1);
    for (const due of await store.due(MINUTE, 10)) if (due.shard === 'q') await store.clearDue(due, 0);
    expect((await store.due(MINUTE, 10)).map(({ shard }) => shard)).toEqual(['qq']);
    expect((await store.append('q', appending(['a']))).head).toMatchObject({ inbox: { length: 1 }, rings: 0 });
    await store.close();
  });

  test('leaves no ring in the index, though its name is used again before anyone looks', async () => {
    const first = await openLmdbStore({ path, owner: 'first' });
    await first.append('q', appending(['a'], { minute: MINUTE }));
    await first.close();
    await scribbleOver(path, 'q');

    const store = await openLmdbStore({ path, owner: 'second' });
    await store.removeHead('q', undefined);
    await store.append('q', appending(['a'], { ring: lease('n'), minute: MINUTE + 100 }));
    await store.commit('q', committing('n', { absorbed: 1 }));
    for (const due of await store.due(MINUTE + 100, 10)) expect(await store.clearDue(due, 1)).toBe(true);
    expect(await store.due(MINUTE + 100, 10)).toEqual([]);
    await store.close();
  });
});

describe('when another process takes the data over', () => {
  test('every write of the first fails with NOT_MASTER, and changes nothing', async () => {
    const failures: string[] = [];
    const first = await openLmdbStore({ path, owner: 'first', onFailure: ({ code }) => failures.push(code) });
    await first.append('q', appending(['mine'], { ring: lease('n') }));
    await startScript('append', [path, 'q', '3']).exited();

    const late = [
      first.append('q', appending(['late'], { blobs: [blob('late')] })),
      first.commit('q', committing('n', { absorbed: 1 })),
      first.putRecord({ family: 'f', name: 'late' }, bytes('x')),
      first.readHead('q'),
    ];
    expect(await Promise.all(late.map(codeOf))).toEqual(Array(4).fill('NOT_MASTER'));
    const later = [first.append('r', appending(['later'])), first.readHead('r'), first.due(1, 1)];
    expect(await Promise.all(later.map(codeOf))).toEqual(Array(3).fill('NOT_MASTER'));
    expect(failures).toEqual(['NOT_MASTER']);
    await first.close();

    const third = await openLmdbStore({ path, owner: 'third' });
    const head = await third.readHead('q');
    expect(head?.lease).toEqual(lease('n'));
    expect(texts(head?.inbox ?? []).sort()).toEqual(['0', '1', '2', 'mine']);
    expect((await third.getBlobs('q', ['late'])).size).toBe(0);
    expect(await third.getRecord({ family: 'f', name: 'late' })).toBeUndefined();
    expect(await third.readHead('r')).toBeUndefined();
    await third.close();
  });
});

describe('when the process is killed', () => {
  test.each([1, 2, 3, 4])('whatever was confirmed is there (round %i)', async () => {
    const running = startScript('append', [path, 'q', '1000000']);
    const confirmed: string[] = [];
    for await (const line of running.lines) {
      confirmed.push(line);
      if (confirmed.length === 300) running.child.kill('SIGKILL');
    }
    await running.exited();
    const store = await openLmdbStore({ path, owner: 'next' });
    const inbox = new Set(texts((await store.readHead('q'))?.inbox ?? []));
    expect(confirmed.filter((number) => !inbox.has(number))).toEqual([]);
    expect((await store.getBlobs('q', [...inbox])).size).toBe(inbox.size);
    await store.close();
  });
});

describe('when a write fails, as on a disk that is full without having said so', () => {
  test('the store fails once and for all, and what it had confirmed is there', async () => {
    const lines = await printed(startConfined(4096, 'fill', [path, 'q']));
    expect(lines.slice(0, -1)).toEqual([
      'onFailure UNAVAILABLE',
      'append UNAVAILABLE',
      'read UNAVAILABLE',
      'append UNAVAILABLE',
    ]);
    const confirmed = Number(lines.at(-1)?.split(' ')[1]);
    expect(confirmed).toBeGreaterThan(5);
    const store = await openLmdbStore({ path, owner: 'next' });
    const inbox = texts((await store.readHead('q'))?.inbox ?? []);
    expect(inbox.slice(0, confirmed)).toEqual(Array.from({ length: confirmed }, (_, at) => String(at)));
    await store.close();
  });

  test('says so once, in a sentence, and the process does not end of another of its failures', async () => {
    const lines = await printed(startConfined(4096, 'begin', [path]));
    expect(lines).toEqual([expect.stringMatching(/^The data in .* could not be written/), 'UNAVAILABLE', 'goes on']);
  });
});

function bodies(count: number) {
  return Array.from({ length: count }, (_, at) => blob(String(at)));
}

async function fillAndRemove(store: Store, shard: string, count: number): Promise<void> {
  await store.append(shard, appending(['a'], { blobs: bodies(count), ring: lease('n') }));
  await store.commit(shard, committing('n', { absorbed: 1 }));
  expect(await store.removeHead(shard, 1)).toBe(true);
}

/** Lets a body that is there bear another expiry, as those of earlier versions do. */
async function stampBody(folder: string, key: string, expiresAt: number): Promise<void> {
  const env = openEnv(folder);
  const blobs = env.openDB<Buffer, Buffer>({ name: 'blobs', ...binary });
  const stamped = blobs.getBinary(Buffer.from(key));
  if (!stamped) throw new Error(`There is no body ${key}.`);
  blobs.putSync(Buffer.from(key), stamp(expiresAt, unstamp(stamped)));
  await env.close();
}

/** Lets the head of a shard be octets that are none. */
async function scribbleOver(folder: string, shard: string): Promise<void> {
  const env = openEnv(folder);
  env.openDB<Buffer, Buffer>({ name: 'heads', ...binary }).putSync(Buffer.from(shard), Buffer.from('scribble'));
  await env.close();
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no failure',
    (error: unknown) => (error instanceof BrokerError ? error.code : String(error)),
  );
}

/** Transactions that were ever committed to the folder. */
function transactionsSoFar(folder: string): number {
  const stats: { lastTxnId?: number } = openEnv(folder).getStats();
  return stats.lastTxnId ?? Number.NaN;
}
