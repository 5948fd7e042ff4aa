import { mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { BrokerError } from '../../model/errors.ts';

/** Messages are read by their owner alone: of the system's users, the one that runs the broker. */
const FOLDER_MODE = 0o700;

/**
 * Makes the folder at `path`, and those that it lies in, unless they are there. One after the other: Node's recursive
 * mkdir never ends where a file system takes no folders, as /proc.
 * @throws BrokerError UNAVAILABLE with a sentence that names the folder, or the file in its place
 */
export function makeFolder(path: string): void {
  const missing: string[] = [];
  let at = resolve(path);
  for (; !isFolder(at); at = dirname(at)) missing.push(at);
  for (const folder of missing.reverse()) make(folder);
}

/** @throws BrokerError UNAVAILABLE if there is something else, or nobody may look */
export function isFolder(path: string): boolean {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    if (!found) return false;
    if (found.isDirectory()) return true;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    // What lies in the way is found out further up.
    if (code === 'ENOTDIR') return false;
    throw new BrokerError('UNAVAILABLE', `The folder ${path} cannot be used: ${code}.`, { cause });
  }
  throw new BrokerError('UNAVAILABLE', `${path} is no folder: the data need one.`);
}

function make(path: string): void {
  try {
    mkdirSync(path, { mode: FOLDER_MODE });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    // Another process was faster.
    if (code === 'EEXIST' && isFolder(path)) return;
    throw new BrokerError('UNAVAILABLE', `The folder ${path} cannot be made: ${code}.`, { cause });
  }
}
