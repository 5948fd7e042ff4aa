import { openLmdbStore } from '../../../lib/store/lmdb/lmdb-store.ts';

/** Appends numbered entries to a shard, four at a time, and prints each number once its append is confirmed. */
const [path = '', shard = '', count = '0'] = process.argv.slice(2);
const store = await openLmdbStore({ path, owner: `process ${process.pid}` });
let next = 0;
await Promise.all(Array.from({ length: 4 }, appendAll));
await store.close();

async function appendAll(): Promise<void> {
  while (next < Number(count)) {
    const number = String(next++);
    await store.append(shard, {
      blobs: [{ key: number, bytes: Buffer.from(number), expiresAt: 4_000_000_000 }],
      entries: [Buffer.from(number)],
      ring: undefined,
      room: 100_000,
      minute: 1,
      mustExist: false,
    });
    process.stdout.write(`${number}\n`);
  }
}
