import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { sameBytes } from '../same-bytes.ts';
import { openEnv } from './database.ts';

/** One value, shared between processes, that is changed by compare-and-set. */
export type LeaseFile = {
  read(): Promise<Uint8Array | undefined>;
  /**
   * Writes `value` if the present one is `expected`, or if there is none where `expected` is null. Durable when it
   * resolves; false, and nothing written, if it is not so.
   */
  replace(expected: Uint8Array | null, value: Uint8Array): Promise<boolean>;
  close(): Promise<void>;
};

const MAP_BYTES = 1024 * 1024;
const leaseKey = Buffer.from('lease');

/**
 * Opens, or creates, the file that says who owns the data: apart from the data, so that a standby can watch it without
 * ever opening them.
 */
export async function openLeaseFile(path: string): Promise<LeaseFile> {
  mkdirSync(dirname(path), { recursive: true });
  const env = openEnv(path, { noSubdir: true, mapSize: MAP_BYTES });
  return {
    async read() {
      // A read transaction may be left from before the other process's write.
      env.resetReadTxn();
      return env.getBinary(leaseKey);
    },
    replace(expected, value) {
      return env.transaction(() => {
        const present = env.getBinary(leaseKey);
        const agreed = sameBytes(present, expected);
        if (agreed) env.put(leaseKey, Buffer.from(value));
        return agreed;
      });
    },
    async close() {
      await env.close();
    },
  };
}
