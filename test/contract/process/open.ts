import { BrokerError } from '../../../lib/model/errors.ts';
import { openLmdbStore } from '../../../lib/store/lmdb/lmdb-store.ts';

/** Opens a folder, reads a body of it, and prints how that went, in one line. */
const [path = ''] = process.argv.slice(2);
try {
  const store = await openLmdbStore({ path, owner: 'second' });
  await store.getBlobs('q', ['0', '63']);
  await store.close();
  process.stdout.write('opened\n');
} catch (error) {
  process.stdout.write(error instanceof BrokerError ? `${error.code} ${error.message}\n` : `${String(error)}\n`);
}
