import { blobBytes, headBytes, readUnits, ringIndexBytes, wakeBytes, writeUnits } from './dynamodb/item-size.ts';
import { DUE_PARTITIONS, DUE_SCAN_ITEMS, duePartition } from './dynamodb/tables.ts';
import type { Blob, Head, RecordKey, Store } from './port.ts';

/** What one verb, or all of them, would have cost. Units are DynamoDB's, on demand; a read may cost half a unit. */
export type Usage = {
  readonly writes: number;
  readonly reads: number;
  readonly writeUnits: number;
  readonly readUnits: number;
};

export type Verb = Exclude<keyof Store, 'close'>;
export type Counts = { readonly total: Usage; readonly verbs: Readonly<Partial<Record<Verb, Usage>>> };

const nothing: Usage = { writes: 0, reads: 0, writeUnits: 0, readUnits: 0 };

/** Sums, by verb. */
export class Ledger {
  #verbs: Partial<Record<Verb, Usage>> = {};

  write(verb: Verb, units: number): void {
    this.#add(verb, { ...nothing, writes: 1, writeUnits: units });
  }

  read(verb: Verb, units: number): void {
    this.#add(verb, { ...nothing, reads: 1, readUnits: units });
  }

  counts(): Counts {
    return { total: Object.values(this.#verbs).reduce(plus, nothing), verbs: { ...this.#verbs } };
  }

  reset(): void {
    this.#verbs = {};
  }

  #add(verb: Verb, usage: Usage): void {
    this.#verbs[verb] = plus(this.#verbs[verb] ?? nothing, usage);
  }
}

function plus(a: Usage, b: Usage): Usage {
  return {
    writes: a.writes + b.writes,
    reads: a.reads + b.reads,
    writeUnits: a.writeUnits + b.writeUnits,
    readUnits: a.readUnits + b.readUnits,
  };
}

/** Remembers the items as they were last seen, and bills what is done to them. */
export class Meter {
  readonly ledger: Ledger;
  readonly #heads = new Map<string, Head | undefined>();
  /** Octets of blobs and records. */
  readonly #sizes = new Map<string, number>();
  readonly #wakes = new Map<string, Indexed>();

  constructor(ledger: Ledger) {
    this.ledger = ledger;
  }

  /** A write that made the head `after`, or was refused because it was `after` already. */
  head(verb: Verb, shard: string, after: Head | undefined): void {
    const before = this.#heads.get(shard);
    this.#heads.set(shard, after);
    const wasDue = before?.due ?? 0;
    const isDue = after?.due ?? 0;
    const indexed = wasDue === isDue ? 0 : writeUnits(ringIndexBytes(shard, isDue || wasDue));
    this.ledger.write(verb, writeUnits(Math.max(headBytes(before), headBytes(after))) + indexed);
  }

  settledHead(verb: Verb, shard: string, settled: boolean): void {
    const before = this.#heads.get(shard);
    this.head(verb, shard, settled && before ? { ...before, due: 0 } : before);
  }

  readHead(verb: Verb, shard: string, head: Head | undefined): void {
    this.#heads.set(shard, head);
    this.ledger.read(verb, readUnits(headBytes(head)));
  }

  /** `times`: 2 within a transaction. */
  blobs(verb: Verb, shard: string, blobs: readonly Blob[], times = 1): void {
    for (const blob of blobs) {
      const bytes = blobBytes(shard, blob);
      this.#sizes.set(blobName(shard, blob.key), bytes);
      this.ledger.write(verb, times * writeUnits(bytes));
    }
  }

  keepBlobs(shard: string, keys: readonly string[]): void {
    for (const key of keys) this.ledger.write('keepBlobs', writeUnits(this.#sizes.get(blobName(shard, key)) ?? 0));
  }

  getBlobs(shard: string, keys: readonly string[]): void {
    for (const key of new Set(keys)) {
      this.ledger.read('getBlobs', readUnits(this.#sizes.get(blobName(shard, key)) ?? 0));
    }
  }

  wake(verb: Verb, shard: string, minute: number, present: boolean): void {
    const name = JSON.stringify([shard, minute]);
    const units = writeUnits(wakeBytes(shard, minute));
    this.ledger.write(verb, this.#wakes.has(name) === present ? units : 2 * units);
    if (present) this.#wakes.set(name, { shard, minute, bytes: wakeBytes(shard, minute) });
    else this.#wakes.delete(name);
  }

  /** A look at the index: one read of its beginning and, if that is not all, one of what is due in each partition. */
  due(minute: number): void {
    const rings = [...this.#heads.values()].flatMap((head) => (head && head.due > 0 ? [ringOf(head)] : []));
    const items = [...rings, ...this.#wakes.values()];
    this.ledger.read('due', readUnits(bytesOf(items.slice(0, DUE_SCAN_ITEMS))) / 2);
    if (items.length < DUE_SCAN_ITEMS) return;
    for (let partition = 0; partition < DUE_PARTITIONS; partition++) {
      const mine = items.filter((item) => item.minute <= minute && duePartition(item.shard) === partition);
      this.ledger.read('due', readUnits(bytesOf(mine)) / 2);
    }
  }

  /** `bytes` is the item's size afterwards: 0 if it is gone, undefined if the write was refused. */
  record(verb: Verb, key: RecordKey, bytes: number | undefined): void {
    const before = this.#sizes.get(recordName(key)) ?? 0;
    this.ledger.write(verb, writeUnits(Math.max(before, bytes ?? 0)));
    if (bytes !== undefined) this.#sizes.set(recordName(key), bytes);
  }

  readRecord(key: RecordKey): void {
    this.ledger.read('getRecord', readUnits(this.#sizes.get(recordName(key)) ?? 0));
  }
}

/** An item of the index of what is due. */
type Indexed = { readonly shard: string; readonly minute: number; readonly bytes: number };

function ringOf({ shard, due }: Head): Indexed {
  return { shard, minute: due, bytes: ringIndexBytes(shard, due) };
}

function bytesOf(items: readonly Indexed[]): number {
  return items.reduce((sum, { bytes }) => sum + bytes, 0);
}

function blobName(shard: string, key: string): string {
  return JSON.stringify(['blob', shard, key]);
}

function recordName(key: RecordKey): string {
  return JSON.stringify(['record', key.family, key.name]);
}
