import { BrokerError } from '../../../lib/model/errors.ts';
import { openLmdbStore } from '../../../lib/store/lmdb/lmdb-store.ts';

/** Begins shards, many at a time, until a write fails; says so, and then whether the process goes on. */
const [path = ''] = process.argv.slice(2);
const store = await openLmdbStore({
  path,
  owner: 'first',
  onFailure: ({ message }) => print(message),
  readFree: async () => Number.MAX_SAFE_INTEGER,
});
try {
  for (let at = 0; ; at += 64) await Promise.all(Array.from({ length: 64 }, (_, i) => begin(`q${at + i}`)));
} catch (error) {
  print(error instanceof BrokerError ? error.code : String(error));
}
await new Promise((resolve) => setTimeout(resolve, 100));
print('goes on');
process.exit();

async function begin(shard: string): Promise<void> {
  const entries = [Buffer.alloc(500)];
  await store.append(shard, { blobs: [], entries, ring: undefined, room: 100, minute: 1, mustExist: false });
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
