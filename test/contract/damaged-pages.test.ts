import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { BrokerError } from '../../lib/model/errors.ts';
import { PAGE_BYTES } from '../../lib/store/lmdb/database.ts';
import { openLmdbStore } from '../../lib/store/lmdb/lmdb-store.ts';
import type { Store } from '../../lib/store/port.ts';
import { temporaryFolder } from '../folders.ts';
import { lookInto } from './data-in-file.ts';
import { appending, blob, bytes, committing, lease } from './given.ts';

const MANY = 500;
const user = (at: number) => ({ family: 'user', name: `user-${String(at).padStart(6, '0')}` });

describe('an embedded store with a damaged page of bodies', () => {
  test('removes their head, keeps what it cannot remove, says so once, and does the same after a restart', async () => {
    using folder = temporaryFolder();
    await withStore(folder.path, async (store) => {
      for (const shard of ['hurt', 'sound']) await fill(store, shard);
    });
    zeroPage(folder.path, 'body of hurt 250.');
    await withStore(folder.path, async (store, damages) => {
      const file = lookInto(folder.path);
      expect(await store.removeHead('hurt', undefined)).toBe(true);
      expect(await store.removeHead('sound', undefined)).toBe(true);
      await expect.poll(() => file.bodies('sound')).toBe(0);
      await expect.poll(() => damages).toEqual([{ shard: 'hurt' }]);
      await file.close();
    });
    await withStore(folder.path, async (store, damages) => {
      await expect.poll(() => damages).toEqual([{ shard: 'hurt' }]);
      await fill(store, 'hurt');
      expect((await store.getBlobs('hurt', ['7'])).size).toBe(1);
    });
  });

  test('lets the shard go on with bodies that lie beside it', async () => {
    using folder = temporaryFolder();
    await withStore(folder.path, (store) => fill(store, 'hurt'));
    zeroPage(folder.path, 'body of hurt 250.');
    await withStore(folder.path, async (store) => {
      await expect(store.getBlobs('hurt', ['250'])).rejects.toMatchObject({ code: 'CORRUPT' });
      const keys = Array.from({ length: MANY }, (_, at) => String(at)).filter((key) => key !== '250');
      for (const key of keys) await store.commit('hurt', committing('n', { lease: lease('n'), discard: [key] }));
      expect((await store.getBlobs('hurt', ['7'])).size).toBe(0);
    });
  });
});

describe('an embedded store whose pages refer to themselves', () => {
  test('comes to an end of them', async () => {
    using folder = temporaryFolder();
    await withStore(folder.path, (store) => fill(store, 'hurt'));
    bendBranches(folder.path);
    await withStore(folder.path, async (store, damages) => {
      expect(await store.removeHead('hurt', undefined)).toBe(true);
      await expect.poll(() => damages).toEqual([{ shard: 'hurt' }]);
    });
  });
});

describe('an embedded store with a damaged page of records', () => {
  test('is opened, names the kind of whatever it cannot read or change, and serves all else', async () => {
    using folder = temporaryFolder();
    await withStore(folder.path, async (store) => {
      for (let at = 0; at < MANY; at++) void store.putRecord(user(at), Buffer.alloc(200, 'u'));
      await store.putRecord({ family: 'zone', name: 'z' }, bytes('zone'));
      await fill(store, 'q');
    });
    zeroPage(folder.path, user(250).name);
    await withStore(folder.path, async (store, damages) => {
      await expect.poll(() => damages).toEqual([{ table: 'records' }]);
      const damaged = { code: 'CORRUPT', details: { family: 'user' }, message: expect.stringContaining('"user"') };
      const failing = [
        () => store.getRecord(user(250)),
        () => store.listRecords('user', '', MANY),
        () => store.putRecord(user(250), bytes('x')),
        () => store.putRecord(user(250), bytes('x'), { expected: null }),
        () => store.deleteRecord(user(250)),
      ];
      for (const fail of failing) {
        await expect(fail()).rejects.toMatchObject(damaged);
        expect((await store.getBlobs('q', ['7'])).size).toBe(1);
        expect(await store.getRecord(user(0))).toBeDefined();
      }
      expect(await store.listRecords('user', '', 5)).toHaveLength(5);
      expect(await store.listRecords('zone', '', 5)).toEqual([{ name: 'z', value: Buffer.from('zone') }]);
      await store.putRecord(user(0), bytes('changed'));
      await store.append('q', appending(['b']));
    });
  });
});

describe('a range of the embedded store', () => {
  test('has every key once and in order, with its value, however many pages it goes over', async () => {
    using folder = temporaryFolder();
    await withStore(folder.path, async (store) => {
      for (let at = 0; at < 5000; at++) void store.putRecord(user(at), Buffer.alloc(at % 100 === 0 ? 10_000 : 20, at));
      await store.putRecord({ family: 'v', name: 'v' }, bytes('v'));
      const found: string[] = [];
      for (let after = ''; ; ) {
        const page = await store.listRecords('user', after, 333);
        for (const { name, value } of page) {
          const at = found.push(name) - 1;
          expect(Buffer.from(value).equals(Buffer.alloc(at % 100 === 0 ? 10_000 : 20, at))).toBe(true);
        }
        if (page.length < 333) break;
        after = page.at(-1)?.name ?? '';
      }
      expect(found).toEqual(Array.from({ length: 5000 }, (_, at) => user(at).name));
    });
  });
});

type Damages = readonly BrokerError['details'][];

async function withStore(path: string, use: (store: Store, damages: Damages) => Promise<void>): Promise<void> {
  const damages: BrokerError['details'][] = [];
  const failures: BrokerError[] = [];
  const store = await openLmdbStore({
    path,
    owner: 'owner',
    onDamage: ({ details }) => damages.push(details),
    onFailure: (failure) => failures.push(failure),
  });
  await use(store, damages);
  expect(failures).toEqual([]);
  await store.close();
}

async function fill(store: Store, shard: string): Promise<void> {
  const blobs = Array.from({ length: MANY }, (_, at) => blob(String(at), `body of ${shard} ${at}. ${'p'.repeat(600)}`));
  await store.append(shard, appending(['a'], { blobs, ring: lease('n') }));
}

/** Lets each child of a branch of a tree be that branch. @see lmdb 3.5.6, `struct MDB_page_header` and `MDB_node` */
function bendBranches(folder: string): void {
  const file = join(folder, 'data.mdb');
  const octets = readFileSync(file);
  let found = 0;
  for (let page = 0; page < octets.length; page += PAGE_BYTES) {
    if ((octets.readUInt16LE(page + 18) & 1) === 0) continue;
    const header = page + 24;
    for (let pointer = 0; pointer < octets.readUInt16LE(page + 20); pointer += 2) {
      octets.writeUIntLE(page / PAGE_BYTES, header + octets.readUInt16LE(header + pointer), 6);
    }
    found++;
  }
  expect(found).toBeGreaterThan(0);
  writeFileSync(file, octets);
}

/** Lets the pages that hold a text be zeros, as a disk that lost them does. */
function zeroPage(folder: string, text: string): void {
  const file = join(folder, 'data.mdb');
  const octets = readFileSync(file);
  let found = 0;
  for (let at = octets.indexOf(text); at !== -1; at = octets.indexOf(text, at + 1)) {
    const page = at - (at % PAGE_BYTES);
    octets.fill(0, page, page + PAGE_BYTES);
    found++;
  }
  expect(found).toBeGreaterThan(0);
  writeFileSync(file, octets);
}
