import { statfsSync } from 'node:fs';
import { BrokerError } from '../../model/errors.ts';
import { isDamage } from './data-file.ts';
import { dataFile, type Opened, type Part, readOf, type Table } from './database.ts';
import { type Cell, Group, type Slot } from './group.ts';

const ownerKey = Buffer.from('owner');

export type GroupCommitOptions = {
  /** The data folder. */
  readonly path: string;
  /** The nonce of the process that may write. */
  readonly owner: string;
  /** Called once, when a write failed: memory is ahead of the disk, and the process cannot go on. */
  readonly onFailure: (failure: BrokerError) => void;
};

/**
 * Collects writes and commits them in groups: while one transaction is being made durable, the next group fills.
 * Verbs change memory at once and wait for their group.
 */
export class GroupCommit {
  readonly #opened: Opened;
  readonly #options: GroupCommitOptions;
  /** Takes what is written now. */
  #filling = new Group();
  /** On its way to the disk. */
  #flying: Group | undefined;
  #running: Promise<void> | undefined;
  #failure: BrokerError | undefined;
  #closed = false;

  constructor(opened: Opened, options: GroupCommitOptions) {
    this.#opened = opened;
    this.#options = options;
  }

  /**
   * Makes this process the only one that may write: every transaction of an earlier owner fails from here on.
   * @throws BrokerError UNAVAILABLE if nothing can be written
   */
  async takeOver(): Promise<void> {
    const { env, tables } = this.#opened;
    try {
      await env.transaction(() => {
        tables.meta.put(ownerKey, Buffer.from(this.#options.owner));
      });
    } catch (cause) {
      swallowCommitError(cause);
      if (isDamage(cause)) throw cause;
      throw unwritable(this.#options.path, cause);
    }
  }

  /** True once a write has failed: nothing can be written any more. */
  get failed(): boolean {
    return this.#failure !== undefined;
  }

  /** @throws BrokerError if nothing can be written any more. */
  check(): void {
    if (this.#failure) throw this.#failure;
    if (this.#closed) throw new BrokerError('UNAVAILABLE', 'The store is closed.');
  }

  writeHead(slot: Slot): void {
    this.#filling.addHead(slot);
    this.#start();
  }

  put(table: Table, key: string, bytes: Buffer): void {
    this.#write(table, key, { bytes, ifAbsent: false });
  }

  /** An existing value stays. */
  putIfAbsent(table: Table, key: string, bytes: Buffer): void {
    const pending = this.#filling.cell(table, key) ?? this.#flying?.cell(table, key);
    if (pending?.bytes) return;
    this.#write(table, key, { bytes, ifAbsent: !pending });
  }

  remove(table: Table, key: string): void {
    this.#write(table, key, { bytes: undefined, ifAbsent: false });
  }

  /**
   * The value as it will be once everything under way is written.
   * @throws BrokerError CORRUPT, naming the part that it is of, if it lies in a damaged page
   */
  get(table: Table, key: string, part: Part): Buffer | undefined {
    const pending = this.#filling.cell(table, key) ?? this.#flying?.cell(table, key);
    if (pending) return pending.bytes;
    return readOf(this.#opened, part, () => this.#opened.tables[table].getBinary(Buffer.from(key)));
  }

  /** Resolves once everything that was written up to now is durable. */
  async durable(): Promise<void> {
    await (this.#filling.isEmpty ? this.#flying : this.#filling)?.durable;
  }

  /** Writes what is under way; nothing can be written afterwards. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  #write(table: Table, key: string, cell: Cell): void {
    this.#filling.addCell(table, key, cell);
    this.#start();
  }

  #start(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async #run(): Promise<void> {
    while (!this.#filling.isEmpty && !this.#failure) {
      try {
        await this.#commitGroup();
        this.#flying?.settle();
        this.#flying = undefined;
      } catch (cause) {
        this.#fail(cause);
      }
    }
  }

  /** A child transaction, since a plain one commits what it wrote before it threw. Durable when it resolves. */
  async #commitGroup(): Promise<void> {
    const { env, tables } = this.#opened;
    await env.childTransaction(() => {
      if (tables.meta.getBinary(ownerKey)?.toString() !== this.#options.owner) {
        throw new BrokerError('NOT_MASTER', 'Another process has taken over the data; this one can write nothing.');
      }
      const group = this.#filling;
      this.#flying = group;
      this.#filling = new Group();
      group.writeTo(tables);
    });
  }

  #fail(cause: unknown): void {
    swallowCommitError(cause);
    this.#failure = cause instanceof BrokerError ? cause : unwritable(this.#options.path, cause);
    this.#flying?.settle(this.#failure);
    this.#filling.settle(this.#failure);
    this.#options.onFailure(this.#failure);
  }
}

const FULL_BYTES = 1024 * 1024;

/** lmdb tells of a write that a full disk cut short as of any other failure of the disk. */
function unwritable(path: string, cause: unknown): BrokerError {
  if (isDamage(cause)) {
    const message = `${dataFile(path)} is damaged: a write met a page that cannot be read. Restore a backup.`;
    return new BrokerError('UNAVAILABLE', message, { cause });
  }
  const { bavail, bsize } = statfsSync(path);
  const why = bavail * bsize < FULL_BYTES ? 'the disk is full' : 'the disk took no more';
  const message = `The data in ${path} could not be written: ${why}. The broker has to start again.`;
  return new BrokerError('UNAVAILABLE', message, { cause });
}

/** lmdb rejects a second promise with the reason of a failed commit, and prints it. */
function swallowCommitError(cause: unknown): void {
  if (cause instanceof Error && 'commitError' in cause) Promise.resolve(cause.commitError).catch(() => {});
}
