import { fstatSync } from 'node:fs';
import { type FileHandle, open, statfs } from 'node:fs/promises';
import { BrokerError } from '../../model/errors.ts';
import { dataFile, type Opened, pagesOf } from './database.ts';

const MIB = 1024 * 1024;
/** While this much is free on the disk, bodies are taken without a further look. */
const AMPLE_BYTES = 1024 * MIB;
/** What is kept at the end of the file for writes that are small, those of new queues and records among them. */
const TAIL_BYTES = 8 * MIB;
/** What of that is for what frees room alone: acknowledgements, receives, purges, deletions. */
const FREEING_BYTES = 6 * MIB;
/**
 * What of that no body may touch, though the file has pages to be used again: they may be too small for it. Less than
 * the above, so that bodies are taken again after what freed room for them.
 */
const LEAST_BYTES = 4 * MIB;
const LOOK_MS = 2000;

/** Octets that are to be written: bodies, or what begins something and is small (a head, a record). */
export type Need = { readonly kind: 'bodies' | 'small'; readonly sizeBytes: number };

const nothing: Need = { kind: 'bodies', sizeBytes: 0 };

/** Reads how much is free on the disk of a folder, in octets. */
export type ReadFree = (path: string) => Promise<number>;

/**
 * Refuses what takes room before the disk is full, so that what frees room can still be written, and no transaction of lmdb
 * finds the disk full. For that the file ends with a tail of octets that are written, and that lmdb does not use yet.
 * The tail grows ahead of lmdb; once it cannot, bodies are taken only where the file has room inside, and what is small
 * only while there is that, or most of the tail.
 */
export class DiskRoom {
  readonly #opened: Opened;
  readonly #path: string;
  readonly #readFree: ReadFree;
  readonly #file: FileHandle;
  readonly #timer: NodeJS.Timeout;
  /** One look at a time. */
  #looking: Promise<unknown> = Promise.resolve();
  #freeBytes = 0;
  /** What was let in and is not counted in `#freeBytes`. */
  #spentBytes = 0;
  /** What was let in and is not on the disk yet. */
  #pendingBytes = 0;

  private constructor(opened: Opened, path: string, readFree: ReadFree, file: FileHandle) {
    this.#opened = opened;
    this.#path = path;
    this.#readFree = readFree;
    this.#file = file;
    this.#timer = setInterval(
      () => void this.#inTurn(() => this.#hasRoomFor(nothing)).catch(() => {}),
      LOOK_MS,
    ).unref();
  }

  static async on(opened: Opened, path: string, readFree: ReadFree = freeBytesOf): Promise<DiskRoom> {
    // What is appended can never lie on what lmdb has written, wherever its last page is by then.
    const room = new DiskRoom(opened, path, readFree, await open(dataFile(path), 'a'));
    await room.#inTurn(() => room.#hasRoomFor(nothing));
    return room;
  }

  /**
   * Lets octets in; they are to be settled once they are on the disk, or will never be.
   * @returns undefined if they are let in at once
   * @throws BrokerError OVERLOADED if the disk is full
   */
  admit(need: Need): Promise<void> | undefined {
    const { sizeBytes } = need;
    if (this.#isAmple(sizeBytes)) {
      this.#count(sizeBytes);
      return undefined;
    }
    return this.#inTurn(async () => {
      if (!(await this.#hasRoomFor(need))) throw diskFull(this.#path);
      this.#count(sizeBytes);
    });
  }

  settle(sizeBytes: number): void {
    this.#pendingBytes -= sizeBytes;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#inTurn(() => this.#file.close());
  }

  #inTurn<T>(look: () => Promise<T>): Promise<T> {
    const looked = this.#looking.then(look);
    this.#looking = looked.catch(() => {});
    return looked;
  }

  #count(sizeBytes: number): void {
    this.#pendingBytes += sizeBytes;
    this.#spentBytes += sizeBytes;
  }

  #isAmple(sizeBytes: number): boolean {
    return this.#freeBytes - this.#spentBytes - sizeBytes >= AMPLE_BYTES;
  }

  async #hasRoomFor({ kind, sizeBytes }: Need): Promise<boolean> {
    this.#freeBytes = await this.#readFree(this.#path);
    this.#spentBytes = this.#pendingBytes;
    if (this.#isAmple(sizeBytes)) return true;
    const leftBytes = await this.#lengthenTail(sizeBytes);
    if (leftBytes >= TAIL_BYTES) return true;
    if (kind === 'small' && leftBytes >= FREEING_BYTES) return true;
    const { unusedBytes } = pagesOf(this.#opened);
    const isRoomInside = unusedBytes - this.#pendingBytes - sizeBytes >= TAIL_BYTES;
    return isRoomInside && (kind === 'small' || leftBytes >= LEAST_BYTES);
  }

  /** @returns how long the tail will be once all that was let in, and `sizeBytes` besides, is written into it */
  async #lengthenTail(sizeBytes: number): Promise<number> {
    const left = () => {
      const { endBytes } = pagesOf(this.#opened);
      return fstatSync(this.#file.fd).size - endBytes - this.#pendingBytes - sizeBytes;
    };
    for (let leftBytes = left(); leftBytes < TAIL_BYTES; leftBytes = left()) {
      const isLonger = await this.#file.appendFile(Buffer.alloc(MIB)).then(
        () => true,
        () => false,
      );
      if (!isLonger) break;
    }
    return left();
  }
}

async function freeBytesOf(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}

function diskFull(path: string): BrokerError {
  return new BrokerError(
    'OVERLOADED',
    'The disk is full: no message or queue is taken until there is room. Consuming, purging and deleting go on.',
    { details: { disk: 'full' }, cause: new Error(`The disk of ${path} is full.`) },
  );
}
