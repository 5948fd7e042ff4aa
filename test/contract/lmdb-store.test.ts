import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BrokerError } from '../../lib/model/errors.ts';
import { openTables } from '../../lib/store/lmdb/database.ts';
import { openLmdbStore } from '../../lib/store/lmdb/lmdb-store.ts';
import { openLeaseFile } from '../../lib/store/lmdb/owner-lock.ts';
import { appending, blob, bytes, committing, fresh, lease, texts } from './given.ts';
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
    await first.transact('q', [blob('t', 'item')]);
    await first.close();

    const second = await openLmdbStore({ path, owner: 'second' });
    expect(structuredClone(await second.readHead('q'))).toEqual(structuredClone(head));
    expect(texts([...(await second.getBlobs('q', ['k', 't'])).values()])).toEqual(['body', 'item']);
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

  test('drops what has expired, and nothing else, some time after it is opened', async () => {
    const first = await openLmdbStore({ path, owner: 'first' });
    await first.append('q', appending(['a'], { blobs: [{ ...blob('old'), expiresAt: 1 }, blob('new')] }));
    await first.putRecord({ family: 'f', name: 'old' }, bytes('x'), { expiresAt: 1 });
    await first.putRecord({ family: 'f', name: 'new' }, bytes('x'));
    await first.close();
    const second = await openLmdbStore({ path, owner: 'second' });
    await sleep(500);
    expect([...(await second.getBlobs('q', ['old', 'new'])).keys()]).toEqual(['new']);
    expect((await second.listRecords('f', '', 10)).map(({ name }) => name)).toEqual(['new']);
    await second.close();
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

describe('when the disk is full', () => {
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
});

describe('a lease file', () => {
  test('is changed only by whoever knows what is in it', async () => {
    const file = await openLeaseFile(join(path, 'owner'));
    expect(await file.read()).toBeUndefined();
    expect(await file.replace(bytes('x'), bytes('a'))).toBe(false);
    expect(await file.replace(null, bytes('a'))).toBe(true);
    expect(await file.replace(null, bytes('b'))).toBe(false);
    expect(await file.replace(bytes('a'), bytes('b'))).toBe(true);
    expect(texts([(await file.read()) ?? bytes('')])).toEqual(['b']);
    await file.close();
  });

  test('loses no change of four processes at once', async () => {
    const at = join(path, fresh('owner'));
    const codes = await Promise.all(Array.from({ length: 4 }, () => startScript('count-up', [at, '50']).exited()));
    expect(codes).toEqual([0, 0, 0, 0]);
    const file = await openLeaseFile(at);
    expect(texts([(await file.read()) ?? bytes('')])).toEqual(['200']);
    await file.close();
  });
});

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no failure',
    (error: unknown) => (error instanceof BrokerError ? error.code : String(error)),
  );
}

/** Transactions that were ever committed to the folder. */
function transactionsSoFar(folder: string): number {
  const stats: { lastTxnId?: number } = openTables(folder).env.getStats();
  return stats.lastTxnId ?? Number.NaN;
}
