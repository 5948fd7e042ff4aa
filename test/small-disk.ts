import { execFileSync } from 'node:child_process';
import { temporaryFolder } from './folders.ts';

/** A file system of its own, in memory, of so many MiB: for whoever may mount one. */
export function smallDisk(mebibytes: number): { readonly path: string } & Disposable {
  const folder = temporaryFolder();
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'none', folder.path], { stdio: 'ignore' });
  return {
    path: folder.path,
    [Symbol.dispose]() {
      execFileSync('umount', ['-l', folder.path]);
      folder[Symbol.dispose]();
    },
  };
}

/** Whether `smallDisk` works here: on Linux, as root. */
export function isMountable(): boolean {
  try {
    smallDisk(1)[Symbol.dispose]();
    return true;
  } catch {
    return false;
  }
}
