import { claimFolder } from '../../../lib/store/lmdb/claim-folder.ts';

/** Adds one to the number in a claim folder, `times` times, against whoever else does the same. */
const [path = '', times = '0'] = process.argv.slice(2);
const file = claimFolder(path);
for (let done = 0; done < Number(times); ) {
  const present = await file.read();
  const number = Number(present ? Buffer.from(present).toString() : 0);
  if (await file.replace(present ?? null, Buffer.from(String(number + 1)))) done++;
}
