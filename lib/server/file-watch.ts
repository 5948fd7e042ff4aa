import { statSync } from 'node:fs';
import { stat } from 'node:fs/promises';

type Identity = { readonly dev: bigint; readonly ino: bigint };

/** Tells whether a file that this process has open is still the one at its path. */
export class FileWatch {
  readonly #path: string;
  #opened: Identity | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Call it once the file is open: no other file has its number for as long as it is. */
  remember(): void {
    this.#opened = statSync(this.#path, { bigint: true });
  }

  forget(): void {
    this.#opened = undefined;
  }

  /** True if the file was deleted or replaced. False if that is not known, as on a disk that does not answer. */
  async isReplaced(): Promise<boolean> {
    const opened = this.#opened;
    if (!opened) return false;
    try {
      const { dev, ino } = await stat(this.#path, { bigint: true });
      return this.#opened === opened && (dev !== opened.dev || ino !== opened.ino);
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      return this.#opened === opened && ['ENOENT', 'ENOTDIR', 'ESTALE'].includes(code);
    }
  }
}
