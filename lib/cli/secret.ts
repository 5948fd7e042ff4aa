import { readFileSync } from 'node:fs';
import { CommandFailure } from './exit.ts';

const STDIN = 0;

/**
 * Reads a password from a file or, for `-`, from standard input, without the line's end. It is never an argument: those
 * are for everybody on the machine to see.
 */
export function readSecret(path: string): string {
  try {
    return readFileSync(path === '-' ? STDIN : path, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandFailure(`The password cannot be read from ${path}: ${code}.`, undefined, error);
  }
}
