import { BrokerError } from '../../../lib/model/errors.ts';
import { openLmdbStore } from '../../../lib/store/lmdb/lmdb-store.ts';

/** Appends until it fails; then prints what failed, and how many appends had been confirmed. */
const [path = '', shard = ''] = process.argv.slice(2);
let confirmed = 0;
const store = await openLmdbStore({ path, owner: 'first', onFailure: ({ code }) => print(`onFailure ${code}`) });
for (let at = 0; at < 1000; at++) {
  try {
    await append(at);
    confirmed++;
  } catch (error) {
    print(`append ${codeOf(error)}`);
    break;
  }
}
await store.readHead(shard).catch((error: unknown) => print(`read ${codeOf(error)}`));
await append(1000).catch((error: unknown) => print(`append ${codeOf(error)}`));
print(`confirmed ${confirmed}`);
process.exit();

async function append(at: number): Promise<void> {
  await store.append(shard, {
    blobs: [{ key: String(at), bytes: Buffer.alloc(100_000), expiresAt: 4_000_000_000 }],
    entries: [Buffer.from(String(at))],
    ring: undefined,
    room: 100_000,
    minute: 1,
    mustExist: false,
  });
}

function codeOf(error: unknown): string {
  return error instanceof BrokerError ? error.code : String(error);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
