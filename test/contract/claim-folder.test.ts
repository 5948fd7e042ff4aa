import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { claimFolder } from '../../lib/store/lmdb/claim-folder.ts';
import { temporaryFolder } from '../folders.ts';
import { bytes, texts } from './given.ts';
import { startScript } from './process/run.ts';

const valueIn = async (path: string) => texts([(await claimFolder(path).read()) ?? bytes('')])[0];

describe('a claim folder', () => {
  it('is changed only by whoever knows what is in it', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'lease');
    const claims = claimFolder(path);
    expect(await claims.read()).toBeUndefined();
    expect(await claims.replace(bytes('x'), bytes('a'))).toBe(false);
    expect(await claims.replace(null, bytes('a'))).toBe(true);
    expect(await claims.replace(null, bytes('b'))).toBe(false);
    expect(await claims.replace(bytes('a'), bytes('b'))).toBe(true);
    expect(await claims.replace(bytes('a'), bytes('c'))).toBe(false);
    expect(await valueIn(path)).toBe('b');
    expect(readdirSync(folder.path)).toEqual(['lease']);
  });

  it('loses no change of four processes at once', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'lease');
    const codes = await Promise.all(Array.from({ length: 4 }, () => startScript('count-up', [path, '50']).exited()));
    expect(codes).toEqual([0, 0, 0, 0]);
    expect(await valueIn(path)).toBe('200');
  });

  it('is given to one of those who find it empty at once', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'lease');
    mkdirSync(path);
    const outcomes = await Promise.all(['a', 'b', 'c'].map((name) => claimFolder(path).replace(null, bytes(name))));
    expect(outcomes.filter((isTaken) => isTaken)).toHaveLength(1);
  });

  it('forgets what a backup that was copied over it had left beside the present claim', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'lease');
    const claims = claimFolder(path);
    await claims.replace(null, bytes('present'));
    writeFileSync(join(path, `claim-${Buffer.from('backup').toString('base64url')}`), '');
    expect(await claims.replace(bytes('present'), bytes('next'))).toBe(true);
    expect(readdirSync(path)).toHaveLength(1);
    expect(await valueIn(path)).toBe('next');
  });

  it('is not made anew where the folder around it is gone', async () => {
    using folder = temporaryFolder();
    const claims = claimFolder(join(folder.path, 'lease'));
    await claims.replace(null, bytes('a'));
    rmSync(folder.path, { recursive: true });
    expect(await claims.replace(bytes('a'), bytes('b'))).toBe(false);
    await expect(claims.replace(null, bytes('b'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
