import { BrokerError } from '../../model/errors.ts';
import type { DestinationGroup } from '../../model/groups.ts';
import type { RecordKey } from '../port.ts';
import type { Clients } from './connection.ts';
import { getRecord, putRecord } from './directory.ts';

/** What was served with these tables, ever. */
export type Served = {
  /** All groups that were ever configured: each may hold shards. */
  readonly names: readonly string[];
  /** The groups as they are configured by whoever wrote this last. */
  readonly groups: readonly DestinationGroup[];
  /**
   * True once every queue has a record of its home. Until then there may be heads that were made by code which kept
   * none.
   */
  readonly areAllRecorded: boolean;
  /** When this was written first, in milliseconds since the epoch. */
  readonly since: number;
};

const key: RecordKey = { family: 'broker', name: 'groups' };
/** After this it is read again. */
const FRESH_MS = 5 * 60_000;
const TRIES = 16;

/** The record of the groups that these tables were served with; read rarely, and written when the groups change. */
export class ServedGroups {
  readonly #db: Clients;
  #known: { readonly served: Served; readonly readAt: number } | undefined;
  #reading: Promise<Served> | undefined;

  constructor(db: Clients) {
    this.#db = db;
  }

  /** The record, in which the groups of this process are. */
  async current(): Promise<Served> {
    if (this.#known && performance.now() - this.#known.readAt < FRESH_MS) return this.#known.served;
    this.#reading ??= this.#write((served) => served).finally(() => {
      this.#reading = undefined;
    });
    return await this.#reading;
  }

  /** Puts down that every queue has a record of its home. */
  async setAllRecorded(): Promise<void> {
    await this.#write((served) => ({ ...served, areAllRecorded: true }));
  }

  async #write(change: (served: Served) => Served): Promise<Served> {
    for (let tries = 0; tries < TRIES; tries++) {
      const found = await getRecord(this.#db, key);
      const served = change(this.#withOwn(found ? readServed(found) : firstServed()));
      const value = Buffer.from(JSON.stringify(served));
      const isThere = found !== undefined && Buffer.compare(found, value) === 0;
      if (isThere || (await putRecord(this.#db, key, value, { expected: found ?? null })).kind === 'stored') {
        this.#known = { served, readAt: performance.now() };
        return served;
      }
    }
    throw new BrokerError('OVERLOADED', 'The record of destination groups keeps changing; try again later.');
  }

  /** Groups of others stay known: they may hold shards, and two configurations are served during a deployment. */
  #withOwn(served: Served): Served {
    const { groups } = this.#db;
    return { ...served, groups, names: [...new Set([...served.names, ...groups.map(({ name }) => name)])] };
  }
}

/** Code that keeps no record of homes may run beside this, and make queues in tables that are empty now. */
function firstServed(): Served {
  return { names: [], groups: [], areAllRecorded: false, since: Date.now() };
}

function readServed(bytes: Uint8Array): Served {
  return JSON.parse(Buffer.from(bytes).toString()) as Served;
}
