import type { Head } from '../port.ts';
import type { Table, Tables } from './database.ts';
import { encodeHead } from './head-codec.ts';
import { dueKey } from './keys.ts';

/** A head in memory. It may be ahead of the disk by what is in `group`. */
export type Slot = {
  readonly shard: string;
  head: Head | undefined;
  /** Which of the shard's heads, one after the other, this is: its bodies lie apart from those of earlier ones. */
  generation: number;
  /** The `due` that the index on disk knows; 0 if none. */
  indexed: number;
  /** True while there is a head that cannot be read, which is to be removed. */
  isUnreadable?: boolean;
  /** The last group that writes this head, until it is durable. */
  group: Group | undefined;
};

/** A value to be put, or to be deleted if `bytes` is undefined. `ifAbsent`: an existing one stays. */
export type Cell = { readonly bytes: Buffer | undefined; readonly ifAbsent: boolean };

const nothing = Buffer.alloc(0);

/** What one transaction writes: the last word on each key, however many verbs had a say. */
export class Group {
  readonly #durable = Promise.withResolvers<void>();
  readonly #slots = new Set<Slot>();
  readonly #cells = new Map<Table, Map<string, Cell>>();

  constructor() {
    // Whoever waits sees the rejection; without anyone waiting it is no one's.
    this.durable.catch(() => {});
  }

  /** Resolves once all of it is on disk; rejects with a BrokerError if it may not be. */
  get durable(): Promise<void> {
    return this.#durable.promise;
  }

  get isEmpty(): boolean {
    return this.#slots.size === 0 && this.#cells.size === 0;
  }

  addHead(slot: Slot): void {
    slot.group = this;
    this.#slots.add(slot);
  }

  addCell(table: Table, key: string, cell: Cell): void {
    const cells = this.#cells.get(table) ?? new Map<string, Cell>();
    this.#cells.set(table, cells.set(key, cell));
  }

  cell(table: Table, key: string): Cell | undefined {
    return this.#cells.get(table)?.get(key);
  }

  /** Writes everything; runs inside a transaction. */
  writeTo(tables: Tables): void {
    for (const [table, cells] of this.#cells) {
      for (const [key, cell] of cells) {
        if (cell.bytes) tables[table].putSync(Buffer.from(key), cell.bytes, { noOverwrite: cell.ifAbsent });
        else tables[table].removeSync(Buffer.from(key));
      }
    }
    for (const slot of this.#slots) writeHead(tables, slot);
  }

  settle(failure?: Error): void {
    for (const slot of this.#slots) if (slot.group === this) slot.group = undefined;
    if (failure) this.#durable.reject(failure);
    else this.#durable.resolve();
  }
}

function writeHead(tables: Tables, slot: Slot): void {
  const { shard, head, generation } = slot;
  const key = Buffer.from(shard);
  if (head) tables.heads.putSync(key, encodeHead(head, generation));
  else tables.heads.removeSync(key);
  const due = head?.due ?? 0;
  if (due === slot.indexed) return;
  if (slot.indexed) tables.due.removeSync(Buffer.from(dueKey({ shard, minute: slot.indexed, kind: 'ring' })));
  if (due) tables.due.putSync(Buffer.from(dueKey({ shard, minute: due, kind: 'ring' })), nothing);
  slot.indexed = due;
}
