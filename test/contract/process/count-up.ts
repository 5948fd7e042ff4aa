import { openLeaseFile } from '../../../lib/store/lmdb/owner-lock.ts';

/** Adds one to the number in a lease file, `times` times, against whoever else does the same. */
const [path = '', times = '0'] = process.argv.slice(2);
const file = await openLeaseFile(path);
for (let done = 0; done < Number(times); ) {
  const present = await file.read();
  const number = Number(present ? Buffer.from(present).toString() : 0);
  if (await file.replace(present ?? null, Buffer.from(String(number + 1)))) done++;
}
await file.close();
