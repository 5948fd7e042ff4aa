import { mkdirSync } from 'node:fs';
import { type Database, open, type RootDatabase } from 'lmdb';

type Keyed = Database<Buffer, Buffer>;

/** The trees of the embedded store. Keys and values are octets. */
export type Table = 'meta' | 'heads' | 'blobs' | 'records' | 'due';
export type Tables = Readonly<Record<Table, Keyed>>;
export type Opened = { readonly env: RootDatabase<Buffer, Buffer>; readonly tables: Tables };

const binary = { encoding: 'binary', keyEncoding: 'binary', compression: false, cache: false } as const;

/** Address space, not disk: the file grows as it is written, and past this the map grows too. */
const MAP_BYTES = 16 * 1024 ** 3;

/** The longest key that a tree takes, in octets. */
export const KEY_BYTES = 1978;

/** Opens, or creates, the data folder at `path`. Waits while another process is inside a write transaction. */
export function openTables(path: string): Opened {
  mkdirSync(path, { recursive: true });
  const env = openEnv(path, { noSubdir: false, mapSize: MAP_BYTES, maxDbs: 8 });
  const table = (name: Table): Keyed => env.openDB<Buffer, Buffer>({ name, ...binary });
  const tables = {
    meta: table('meta'),
    heads: table('heads'),
    blobs: table('blobs'),
    records: table('records'),
    due: table('due'),
  };
  return { env, tables };
}

/**
 * Opens one environment of octets. Overlapping syncs stay off: with them, a process killed while another has the file
 * open ends in MDB_PANIC, or in confirmed writes that are gone.
 */
export function openEnv(
  path: string,
  options: { readonly noSubdir: boolean; readonly mapSize: number; readonly maxDbs?: number },
): RootDatabase<Buffer, Buffer> {
  return open<Buffer, Buffer>({ path, overlappingSync: false, ...binary, ...options });
}
