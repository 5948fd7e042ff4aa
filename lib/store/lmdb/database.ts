import { chmodSync, existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
import { asBrokerError, BrokerError } from '../../model/errors.ts';
import { checkDataFile, damagedFile, isDamage } from './data-file.ts';
import { makeFolder } from './folder.ts';

type Keyed = Database<Buffer, Buffer>;

/** The trees of the embedded store. Keys and values are octets. */
export type Table = 'meta' | 'heads' | 'blobs' | 'records' | 'due' | 'graves';
export type Tables = Readonly<Record<Table, Keyed>>;
export type Opened = { readonly env: RootDatabase<Buffer, Buffer>; readonly tables: Tables };

/** As the folder, for its owner alone. */
const FILE_MODE = 0o600;
const OTHERS = 0o007;

/** Keys and values are octets. */
export const binary = {
  encoding: 'binary',
  keyEncoding: 'binary',
  compression: false,
  cache: false,
  permissionsMode: FILE_MODE,
} as const;

/** Address space, not disk: the file grows as it is written, and past this the map grows too. */
const MAP_BYTES = 16 * 1024 ** 3;

/** A page, unless the system has larger ones. */
export const PAGE_BYTES = 4096;

/** The longest key that a tree takes, in octets. */
export const KEY_BYTES = 1978;

/**
 * Opens, or creates, the data folder at `path`. Waits while another process is inside a write transaction.
 * @throws BrokerError UNAVAILABLE with a sentence that names the folder, or the file in it that is damaged; NOT_MASTER
 * while a process of this one's number, which is of another PID namespace, has it open
 */
export function openTables(path: string): Opened {
  try {
    return openFolder(path);
  } catch (cause) {
    if (cause instanceof BrokerError) throw cause;
    if (isDamage(cause)) throw damagedFile(dataFile(path), cause);
    const { message } = cause instanceof Error ? cause : asBrokerError(cause);
    throw new BrokerError('UNAVAILABLE', `The data in ${path} cannot be opened: ${message}.`, { cause });
  }
}

/** Where the pages are of the folder at `path`. */
export function dataFile(path: string): string {
  return join(path, 'data.mdb');
}

/** What lmdb says of an environment, or of a tree of it, in pages. */
type Stats = {
  readonly pageSize: number;
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
};
type EnvironmentStats = Stats & { readonly root: Stats; readonly free: Stats; readonly lastPageNumber: number };

const META_PAGES = 2;

/** Where the last page ends, and what of the pages before no tree uses: both in octets. */
export function pagesOf({ env, tables }: Opened): { readonly endBytes: number; readonly unusedBytes: number } {
  const { root, free, lastPageNumber, pageSize } = env.getStats() as EnvironmentStats;
  const trees = [root, free, ...Object.values(tables).map((table) => table.getStats() as Stats)];
  const used = trees.reduce(
    (sum, { treeBranchPageCount, treeLeafPageCount, overflowPages }) =>
      sum + treeBranchPageCount + treeLeafPageCount + overflowPages,
    META_PAGES,
  );
  const pages = lastPageNumber + 1;
  return { endBytes: pages * pageSize, unusedBytes: (pages - used) * pageSize };
}

function openFolder(path: string): Opened {
  makeFolder(path);
  const data = dataFile(path);
  checkDataFile(data);
  for (const each of [path, data, join(path, 'lock.mdb')]) keepOthersOut(each);
  const env = openEnv(path);
  refuseNamesake(env);
  try {
    return { env, tables: tablesOf(env) };
  } catch (error) {
    env.close().catch(() => {});
    throw error;
  }
}

function tablesOf(env: Opened['env']): Tables {
  const table = (name: Table): Keyed => env.openDB<Buffer, Buffer>({ name, ...binary });
  return {
    meta: table('meta'),
    heads: table('heads'),
    blobs: table('blobs'),
    records: table('records'),
    due: table('due'),
    graves: table('graves'),
  };
}

/** Whose octets are read: a shard's, records of a family, or a tree's as a whole. */
export type Part = { readonly shard: string } | { readonly family: string } | { readonly table: Table };

/**
 * Reads something of a part. Every read goes through here: the transaction that meets a damaged page reads nothing any
 * more, and all other reads of the same moment are in it.
 * @throws BrokerError CORRUPT, with the part in its details, if a page that it lies in is damaged
 */
export function readOf<T>({ env }: Pick<Opened, 'env'>, part: Part, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!isDamage(cause)) throw cause;
    env.resetReadTxn();
    throw damagedPart(part, cause);
  }
}

export function damagedPart(part: Part, cause?: Error): BrokerError {
  const message = `A page of ${nameOf(part)} in the data file is damaged.`;
  return new BrokerError('CORRUPT', message, { ...(cause ? { cause } : {}), details: part });
}

function nameOf(part: Part): string {
  if ('shard' in part) return part.shard;
  return 'family' in part ? `the records of the kind "${part.family}"` : `the tree "${part.table}"`;
}

/** What an earlier version made for all to read; a group that an operator let in stays. */
function keepOthersOut(path: string): void {
  if (!existsSync(path)) return;
  const { mode, uid } = statSync(path);
  if ((mode & OTHERS) !== 0 && uid === process.getuid?.()) chmodSync(path, mode & 0o7777 & ~OTHERS);
}

/**
 * Opens the environment at `path`. Overlapping syncs stay off: with them, a process killed while another has the file
 * open ends in MDB_PANIC, or in confirmed writes that are gone.
 * The batching of what one event writes stays off, too: each batch has a promise that nobody holds, whose rejection, when a
 * commit fails, ends the process before it can say why. Writes come in groups here anyway.
 */
export function openEnv(path: string): RootDatabase<Buffer, Buffer> {
  return open<Buffer, Buffer>({
    path,
    noSubdir: false,
    mapSize: MAP_BYTES,
    maxDbs: 8,
    overlappingSync: false,
    eventTurnBatching: false,
    ...binary,
  });
}

/**
 * lmdb tells its readers apart by their process numbers alone. This process has read nothing so far, so that a reader of
 * its number is another process; beside that one, every read would block for seconds and then fail.
 */
function refuseNamesake(env: RootDatabase<Buffer, Buffer>): void {
  const numbers = [...env.readerList().matchAll(/^ *(\d+) /gm)].map(([, number]) => Number(number));
  if (!numbers.includes(process.pid)) return;
  env.close().catch(() => {});
  throw new BrokerError(
    'NOT_MASTER',
    `A process of another container, which has the number of this one (${process.pid}) there, has the data open and ` +
      'does not renew its lease: this one goes on as soon as that one goes on or ends.',
  );
}
