import { binary, openEnv, type Table } from '../../lib/store/lmdb/database.ts';

/**
 * How much is in the file as it is now, whether the store shows it or not. To be called while nothing is being written:
 * opening a table waits for a write that is under way, which waits for this thread.
 */
export function lookInto(folder: string) {
  const env = openEnv(folder);
  const open = (name: Table) => env.openDB<Buffer, Buffer>({ name, ...binary });
  const tables = { blobs: open('blobs'), graves: open('graves') };
  const count = (table: keyof typeof tables, shard?: string) => {
    env.resetReadTxn();
    const range = { start: Buffer.from(`${shard}\0`), end: Buffer.from(`${shard}\x01`) };
    return tables[table].getKeysCount(shard === undefined ? {} : range);
  };
  return {
    /** Of one shard, or of all. */
    bodies: (shard?: string) => count('blobs', shard),
    notes: () => count('graves'),
    close: () => env.close(),
  };
}
