import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PAGE_BYTES } from '../../lib/store/lmdb/database.ts';
import { openLmdbStore } from '../../lib/store/lmdb/lmdb-store.ts';
import { temporaryFolder } from '../folders.ts';
import { appending, blob } from './given.ts';
import { printed, startScript } from './process/run.ts';

/** What becomes of a file of some MiB, by name, and what the refusal says of it. */
const damages: readonly (readonly [string, (file: string) => void, string])[] = [
  ['is cut in half', (file) => truncateSync(file, statSync(file).size / 2), 'was cut short'],
  ['is cut within its first page', (file) => truncateSync(file, 100), 'is damaged'],
  ['is cut behind its first page', (file) => truncateSync(file, 4096), 'is damaged'],
  ['is cut behind its second page', (file) => truncateSync(file, 8192), 'was cut short'],
  ['is empty', (file) => truncateSync(file, 0), 'is empty'],
  ['is noise', (file) => writeFileSync(file, randomBytes(1024 * 1024)), 'is damaged'],
  ['is a text', (file) => writeFileSync(file, 'To whom it may concern\n'.repeat(1000)), 'is damaged'],
  ['is a short text', (file) => writeFileSync(file, 'x'), 'is damaged'],
  ['begins with zeros', (file) => overwrite(file, 0, Buffer.alloc(8192)), 'is damaged'],
  ['has one damaged meta page', (file) => overwrite(file, 4096, randomBytes(200)), 'is damaged'],
  ['is of another version', (file) => overwrite(file, 28, Buffer.from([9, 0, 0, 0])), 'has version 9'],
  ['claims pages of a strange size', (file) => overwrite(file, 48, Buffer.from([1, 2, 3, 4])), 'is damaged'],
  ['is a folder', replaceByFolder, 'data.mdb'],
];

describe('a data file', () => {
  it.each(damages)('that %s is refused in a sentence that names it, and the process lives', async (_, damage, says) => {
    using folder = temporaryFolder();
    await fill(folder.path);
    damage(join(folder.path, 'data.mdb'));
    const running = startScript('open', [folder.path]);
    const [line = ''] = await printed(running);
    expect(await running.exited()).toBe(0);
    expect(line).toMatch(/^UNAVAILABLE /);
    expect(line).toContain(folder.path);
    expect(line).toContain(says);
  });

  it('that lacks pages at its end which nothing refers to, as a sound one may, is opened', async () => {
    using folder = temporaryFolder();
    await fill(folder.path);
    const file = join(folder.path, 'data.mdb');
    for (const lastPage of [144, 4096 + 144]) {
      const claimed = readFileSync(file).readUInt32LE(lastPage) + 20;
      overwrite(file, lastPage, Buffer.from(Uint32Array.of(claimed).buffer));
    }
    expect(await printed(startScript('open', [folder.path]))).toEqual(['opened']);
    await fill(folder.path);
  });

  it.each([4096, 8192, 65_536, 512 * 1024])(
    'that was cut by %d octets is refused, and is as long as before',
    async (cut) => {
      using folder = temporaryFolder();
      await fill(folder.path);
      const file = join(folder.path, 'data.mdb');
      const sizeBytes = statSync(file).size - cut;
      truncateSync(file, sizeBytes);
      const running = startScript('open', [folder.path]);
      const [line = ''] = await printed(running);
      expect(await running.exited()).toBe(0);
      expect(line).toMatch(/^UNAVAILABLE .*data\.mdb was cut short: it has \d+ octets of \d+\. Nothing was changed/);
      expect(statSync(file).size).toBe(sizeBytes);
    },
  );

  it('whose trees lead to pages of zeros is refused in a sentence that names it, and not in the words of lmdb', async () => {
    using folder = temporaryFolder();
    await fill(folder.path);
    const file = join(folder.path, 'data.mdb');
    const { size } = statSync(file);
    truncateSync(file, size - 8192);
    truncateSync(file, size);
    const running = startScript('open', [folder.path]);
    const [line = ''] = await printed(running);
    expect(await running.exited()).toBe(0);
    expect(line).toBe(`UNAVAILABLE ${file} is damaged. Nothing was changed; a backup may help.`);
  });

  it('with a damaged page inside is opened: who asks for what lies in it is told, and the others are served', async () => {
    using folder = temporaryFolder();
    const before = await openLmdbStore({ path: folder.path, owner: 'first' });
    for (const shard of ['hurt', 'sound']) {
      await Promise.all(
        Array.from({ length: 100 }, (_, at) =>
          before.append(`${shard} ${at}`, appending([`entry of ${shard} ${at}.`.repeat(10)])),
        ),
      );
    }
    await before.close();
    zeroPagesWith(join(folder.path, 'data.mdb'), 'entry of hurt 50.');
    const store = await openLmdbStore({ path: folder.path, owner: 'second' });
    await expect(store.readHead('hurt 50')).rejects.toMatchObject({ code: 'CORRUPT', details: { shard: 'hurt 50' } });
    expect(await store.readHead('sound 50')).toMatchObject({ shard: 'sound 50' });
    await store.append('sound 50', appending(['another']));
    await store.close();
  });

  it('is left as it is where it is refused', async () => {
    using folder = temporaryFolder();
    await fill(folder.path);
    const file = join(folder.path, 'data.mdb');
    truncateSync(file, statSync(file).size / 2);
    const before = readFileSync(file);
    await expect(openLmdbStore({ path: folder.path, owner: 'o' })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  it('lies in a folder; a file in its place is named', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'store');
    writeFileSync(path, 'x');
    await expect(openLmdbStore({ path, owner: 'o' })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining(path),
    });
  });
});

describe.skipIf(process.platform === 'win32')('a data folder', () => {
  it('is for its owner alone', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'made', 'store');
    await fill(path);
    expect(modesOf(path)).toEqual([0o700, 0o600, 0o600]);
    expect(statSync(join(folder.path, 'made')).mode & 0o777).toBe(0o700);
  });

  it('that all may read is closed to them, but for a group that was let in', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'store');
    await fill(path);
    chmodSync(path, 0o755);
    chmodSync(join(path, 'data.mdb'), 0o664);
    chmodSync(join(path, 'lock.mdb'), 0o666);
    await fill(path);
    expect(modesOf(path)).toEqual([0o750, 0o660, 0o660]);
  });
});

async function fill(path: string): Promise<void> {
  const store = await openLmdbStore({ path, owner: 'first' });
  const blobs = Array.from({ length: 64 }, (_, at) => blob(String(at), randomBytes(64 * 1024)));
  await store.append('q', appending(['a'], { blobs }));
  await store.close();
}

function replaceByFolder(file: string): void {
  rmSync(file);
  mkdirSync(file);
}

function overwrite(file: string, offset: number, octets: Buffer): void {
  const whole = readFileSync(file);
  octets.copy(whole, offset);
  writeFileSync(file, whole);
}

/** Whatever page bears the text, those that are used no more included. */
function zeroPagesWith(file: string, text: string): void {
  const whole = readFileSync(file);
  for (let at = whole.indexOf(text); at !== -1; at = whole.indexOf(text)) {
    const page = at - (at % PAGE_BYTES);
    whole.fill(0, page, page + PAGE_BYTES);
  }
  writeFileSync(file, whole);
}

function modesOf(path: string): number[] {
  return [path, join(path, 'data.mdb'), join(path, 'lock.mdb')].map((each) => statSync(each).mode & 0o777);
}
