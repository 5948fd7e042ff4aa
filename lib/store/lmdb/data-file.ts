import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { BrokerError } from '../../model/errors.ts';
import { areTreesWhole, ROOT_OFFSET } from './page-trees.ts';

const MAGIC = 0xbeefc0de;
const VERSION = 2;
const META_PAGE = 0x08;
const META_BYTES = 160;
const META_PAGES = 2;
const [SMALLEST_PAGE, LARGEST_PAGE] = [512, 65_536];

/** Where in a page what lies that says what the file is. */
const at = {
  flags: 18,
  magic: 24,
  version: 28,
  pageSize: 48,
  /** The trees of the free pages and of all others. */
  trees: [48, 96],
  lastPage: 144,
  transaction: 152,
} as const;

type Meta = {
  readonly pageSize: number;
  readonly roots: readonly bigint[];
  readonly lastPage: number;
  readonly transaction: bigint;
};

/**
 * Looks at a data file before it is mapped: reading what is not there, or is no database, would end the process by a
 * signal. What is not there yet passes, and so does a file that lacks pages at its end which no tree refers to: those that
 * one transaction takes and gives back are never written. The file is not changed. Little-endian machines alone, as all
 * are that Node runs on.
 * @throws BrokerError UNAVAILABLE with a sentence that names the file and what it is
 * @see lmdb 3.5.6, `struct MDB_meta` in `mdb.c`
 */
export function checkDataFile(path: string): void {
  if (!existsSync(path)) return;
  const file = openSync(path, 'r');
  try {
    checkOpened(file, path);
  } finally {
    closeSync(file);
  }
}

function checkOpened(file: number, path: string): void {
  const stat = fstatSync(file);
  if (!stat.isFile()) throw unusable(path, 'is no file');
  if (stat.size === 0) {
    throw unusable(path, 'is empty: it was cut to nothing, or never written. Delete it to begin with no messages');
  }
  const first = readMeta(file, path, 0);
  const metas = [first, readMeta(file, path, first.pageSize)];
  const { pageSize, lastPage, roots } = metas.reduce((a, b) => (b.transaction > a.transaction ? b : a));
  const needed = (lastPage + 1) * pageSize;
  if (stat.size >= needed) return;
  const isWhole = stat.size >= META_PAGES * pageSize && areTreesWhole({ file, sizeBytes: stat.size, pageSize }, roots);
  if (!isWhole) throw unusable(path, `was cut short: it has ${stat.size} octets of ${needed}`);
}

/** @throws BrokerError UNAVAILABLE if there is no meta page at `offset` */
function readMeta(file: number, path: string, offset: number): Meta {
  const page = Buffer.alloc(META_BYTES);
  const isWhole = readSync(file, page, 0, META_BYTES, offset) === META_BYTES;
  const isMeta = (page.readUInt16LE(at.flags) & META_PAGE) !== 0 && page.readUInt32LE(at.magic) === MAGIC;
  if (!isWhole || !isMeta) {
    throw unusable(path, 'is damaged, or no data file of CirrusMQ');
  }
  const version = page.readUInt32LE(at.version) & 0xffff;
  if (version !== VERSION)
    throw unusable(path, `has version ${version} of the file format; this code reads ${VERSION}`);
  const pageSize = page.readUInt32LE(at.pageSize);
  const isSize = pageSize >= SMALLEST_PAGE && pageSize <= LARGEST_PAGE && Number.isInteger(Math.log2(pageSize));
  if (!isSize) throw unusable(path, `is damaged: it claims to have pages of ${pageSize} octets`);
  const lastPage = Number(page.readBigUInt64LE(at.lastPage));
  const roots = at.trees.map((tree) => page.readBigUInt64LE(tree + ROOT_OFFSET));
  return { pageSize, roots, lastPage, transaction: page.readBigUInt64LE(at.transaction) };
}

/** What lmdb says of pages that are not what the trees take them for. */
const DAMAGE = /\bMDB_(?:CORRUPTED|PAGE_NOTFOUND|INVALID|PANIC)\b/;

/** Whether a call of lmdb failed since the file is damaged. */
export function isDamage(cause: unknown): cause is Error {
  return cause instanceof Error && DAMAGE.test(cause.message);
}

/** The file at `path` is damaged, as lmdb found out. */
export function damagedFile(path: string, cause: Error): BrokerError {
  return unusable(path, 'is damaged', cause);
}

function unusable(path: string, what: string, cause?: Error): BrokerError {
  return new BrokerError('UNAVAILABLE', `${path} ${what}. Nothing was changed; a backup may help.`, { cause });
}
