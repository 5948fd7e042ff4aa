import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BrokerError } from '../../lib/model/errors.ts';
import { openLmdbStore } from '../../lib/store/lmdb/lmdb-store.ts';
import type { Store } from '../../lib/store/port.ts';
import { temporaryFolder } from '../folders.ts';
import { isMountable, smallDisk } from '../small-disk.ts';
import { appending, blob, committing, headOf, inboxOf, lease } from './given.ts';

const MIB = 1024 * 1024;
const BODY_BYTES = 200_000;

describe.skipIf(!isMountable())('an embedded store on a full disk (skipped where no small disk can be mounted)', () => {
  it('refuses bodies in words, to be tried again, and lets everything go on that frees room', async () => {
    using disk = smallDisk(48);
    const store = await openLmdbStore({ path: join(disk.path, 'store'), owner: 'first' });
    const sent = await sendUntilRefused(store);
    expect(sent.refusal).toMatchObject({ code: 'OVERLOADED', retryable: true, details: { disk: 'full' } });
    expect(sent.refusal.message).toMatch(/disk is full/);
    expect(sent.count).toBeGreaterThan(100);

    expect((await store.append('q', appending(['acknowledge'], { room: 10_000 }))).kind).toBe('appended');
    const keys = Array.from({ length: sent.count }, (_, at) => String(at));
    const kept = keys.slice(-10);
    const { kind } = await store.commit('q', committing('n', { discard: keys.slice(0, -10), lease: lease('n') }));
    expect(kind).toBe('committed');
    expect((await store.getBlobs('q', kept)).size).toBe(10);
    // What was freed lies within the file, and nothing was given back to the disk.
    const again = await sendUntilRefused(store, 40);
    expect(again.count).toBe(40);
    await store.close();
  });

  it('goes on with what is small when others take the last octet of the disk', async () => {
    using disk = smallDisk(64);
    const failures: BrokerError[] = [];
    const path = join(disk.path, 'store');
    const store = await openLmdbStore({ path, owner: 'first', onFailure: (failure) => failures.push(failure) });
    await store.append('q', appending(['0'], { blobs: [blob('0', Buffer.alloc(BODY_BYTES))], ring: lease('n') }));
    eatUp(disk.path);
    for (let at = 0; at < 500; at++) {
      await store.commit('q', committing('n', { lease: lease('n'), state: Buffer.alloc(10_000, at) }));
      await store.append(`small ${at}`, appending(['a']));
    }
    const { refusal } = await sendUntilRefused(store);
    expect(refusal.code).toBe('OVERLOADED');
    expect(failures).toEqual([]);
    await store.close();
  });

  it('refuses new queues and records before what ends something finds no room, and lives', async () => {
    using disk = smallDisk(64);
    const failures: BrokerError[] = [];
    const path = join(disk.path, 'store');
    const store = await openLmdbStore({ path, owner: 'first', onFailure: (failure) => failures.push(failure) });
    const { count } = await sendUntilRefused(store);
    eatUp(disk.path);
    const name = (at: number) => `${'n'.repeat(200)}${at}`;
    const heads = await untilRefused((at) => store.append(name(at), appending(['a'.repeat(500)])));
    const records = await untilRefused((at) => store.putRecord({ family: 'f', name: name(at) }, Buffer.alloc(500)));
    expect([heads, records]).toMatchObject([{ refusal: { code: 'OVERLOADED' } }, { refusal: { code: 'OVERLOADED' } }]);
    expect(heads.count).toBeGreaterThan(1000);

    expect((await store.append('q', appending(['acknowledge'], { room: 10_000 }))).kind).toBe('appended');
    expect((await store.append(name(0), appending(['join']))).kind).toBe('appended');
    await store.putRecord({ family: 'f', name: 'gone' }, Buffer.alloc(1)).catch(() => {});
    for (let at = 0; at < 1000; at++) {
      await store.commit('q', committing('n', { lease: lease('n'), state: Buffer.alloc(4000, at) }));
    }
    for (let at = 0; at < 500; at++) expect(await store.removeHead(name(at), undefined)).toBe(true);
    const discard = Array.from({ length: count }, (_, at) => String(at));
    expect((await store.commit('q', committing('n', { discard, lease: lease('n') }))).kind).toBe('committed');
    await expect.poll(() => sendUntilRefused(store, 20)).toMatchObject({ count: 20 });
    expect((await store.append(name(1_000_000), appending(['a']))).kind).toBe('appended');
    expect(failures).toEqual([]);
    await store.close();
  });

  it('is opened, and drained', async () => {
    using disk = smallDisk(48);
    const path = join(disk.path, 'store');
    const first = await openLmdbStore({ path, owner: 'first' });
    const { count } = await sendUntilRefused(first);
    await first.close();
    eatUp(disk.path);

    const second = await openLmdbStore({ path, owner: 'second' });
    expect((await inboxOf(second, 'q')).length).toBe(count);
    const keys = Array.from({ length: count }, (_, at) => String(at));
    expect((await second.getBlobs('q', keys)).size).toBe(count);
    for (const key of keys) await second.commit('q', committing('n', { discard: [key], lease: lease('n') }));
    expect((await sendUntilRefused(second, 20)).count).toBe(20);
    await second.close();
  });

  it('takes bodies again once there is room', async () => {
    using disk = smallDisk(96);
    const store = await openLmdbStore({ path: join(disk.path, 'store'), owner: 'first' });
    eatUp(disk.path);
    const { count } = await sendUntilRefused(store);
    rmSync(join(disk.path, 'eaten'));
    expect((await sendUntilRefused(store, count + 20)).count).toBe(count + 20);
    await store.close();
  });
});

describe('an embedded store', () => {
  it('asks how much is free anew where the last answer is no longer ample', async () => {
    using folder = temporaryFolder();
    let asked = 0;
    const readFree = async () => {
      asked++;
      return 1025 * MIB;
    };
    const store = await openLmdbStore({ path: folder.path, owner: 'first', readFree });
    const before = asked;
    for (let at = 0; at < 20; at++) {
      await store.append('q', appending([], { blobs: [blob(String(at), Buffer.alloc(BODY_BYTES))] }));
    }
    expect(asked).toBeGreaterThan(before);
    expect(asked).toBeLessThan(before + 20);
    await store.close();
  });
});

type Sent = { readonly count: number; readonly refusal: BrokerError };

/** Sends messages until one is refused, or there are `most`. */
async function sendUntilRefused(store: Store, most = 10_000): Promise<Sent> {
  const ring = (await store.readHead('q')) ? undefined : lease('n');
  const from = ring ? 0 : (await headOf(store, 'q')).inbox.length;
  for (let count = 0; count < most; count++) {
    const blobs = [blob(String(from + count), Buffer.alloc(BODY_BYTES, count))];
    try {
      await store.append('q', appending(['a'], { blobs, room: 10_000, ring: count === 0 ? ring : undefined }));
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      return { count, refusal: error };
    }
  }
  return { count: most, refusal: new BrokerError('INTERNAL', 'Nothing was refused.') };
}

/** Writes many at a time until one is refused. */
async function untilRefused(write: (at: number) => Promise<unknown>): Promise<Sent> {
  for (let count = 0; count < 100_000; count += 64) {
    const outcomes = await Promise.allSettled(Array.from({ length: 64 }, (_, i) => write(count + i)));
    const refused = outcomes.find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined;
    if (refused) return { count, refusal: refused.reason };
  }
  return { count: 100_000, refusal: new BrokerError('INTERNAL', 'Nothing was refused.') };
}

/** Another process fills the disk to its last octet. */
function eatUp(path: string): void {
  const { bavail, bsize } = statfsSync(path);
  writeFileSync(join(path, 'eaten'), Buffer.alloc(bavail * bsize));
  expect(statfsSync(path).bavail).toBe(0);
}
