import { mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BrokerError } from '../../model/errors.ts';

/** One value, shared between processes, that is changed by compare-and-set. */
export type ClaimFolder = {
  /** Undefined while there is none. */
  read(): Promise<Uint8Array | undefined>;
  /**
   * Puts `value` in the place of `expected`, or of nothing where `expected` is null. False, and nothing changed, if
   * that is not what is there. No value may come twice.
   * @throws BrokerError NOT_FOUND if the folder around it is gone
   */
  replace(expected: Uint8Array | null, value: Uint8Array): Promise<boolean>;
};

const PREFIX = 'claim-';
const FILE_MODE = 0o600;

/**
 * A folder with a single, empty file whose name is the value, of 180 octets at most: rename(2) is the compare-and-set.
 * It finds the expected name or fails, whatever other processes do, and leaves no lock behind when one of them dies. It
 * is not synced: whoever held a claim before a power cut is gone after it.
 */
export function claimFolder(path: string): ClaimFolder {
  return {
    async read() {
      const [name] = await namesIn(path);
      return name === undefined ? undefined : Buffer.from(name.slice(PREFIX.length), 'base64url');
    },
    async replace(expected, value) {
      if (!expected) return await createFolder(path, nameOf(value));
      const before = await namesIn(path);
      const isReplaced = await didRename(join(path, nameOf(expected)), join(path, nameOf(value)));
      // What lay beside it is a leftover, as of a backup that was copied over: the one expected was the present one.
      const leftovers = isReplaced ? before.filter((name) => name !== nameOf(expected)) : [];
      await Promise.all(leftovers.map((name) => rm(join(path, name), { force: true })));
      return isReplaced;
    },
  };
}

function nameOf(value: Uint8Array): string {
  return PREFIX + Buffer.from(value).toString('base64url');
}

async function namesIn(path: string): Promise<string[]> {
  const names = await readdir(path).catch(whereMissing<string[]>([]));
  return names.filter((name) => name.startsWith(PREFIX));
}

/** The folder appears with its file in it: a rename replaces an empty folder, and never one that holds a claim. */
async function createFolder(path: string, name: string): Promise<boolean> {
  const fresh = await mkdtemp(`${path}-`).catch((cause: unknown) => {
    const folder = dirname(path);
    if (isMissing(cause)) throw new BrokerError('NOT_FOUND', `The folder ${folder} is gone.`, { cause });
    const { code } = cause as NodeJS.ErrnoException;
    throw new BrokerError('UNAVAILABLE', `The folder ${folder} cannot be written: ${code}.`, { cause });
  });
  try {
    await writeFile(join(fresh, name), '', { mode: FILE_MODE });
    return await didRename(fresh, path);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

async function didRename(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (isMissing(error) || isOccupied(error)) return false;
    throw error;
  }
}

function whereMissing<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (isMissing(error)) return value;
    throw error;
  };
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

function isOccupied(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOTEMPTY' || code === 'EEXIST';
}
