import type { GroupedStore, Head, HeadMove, Home, StoredGroup } from '../port.ts';
import { copyBlobs, lackingBlobs } from './blobs.ts';
import type { Clients } from './connection.ts';
import { listRecords } from './directory.ts';
import { putWake } from './due.ts';
import { closeHead, quietHead } from './heads.ts';
import type { Homes } from './homes.ts';
import { moveHead } from './placing.ts';
import { homeFamily } from './tables.ts';

/** Destination groups as tables. */
export class DynamoGroups implements GroupedStore {
  readonly #db: Clients;
  readonly #homes: Homes;

  constructor(db: Clients, homes: Homes) {
    this.#db = db;
    this.#homes = homes;
  }

  async list(): Promise<readonly StoredGroup[]> {
    const { groups } = this.#db;
    const { names } = await this.#homes.served.current();
    const others = names.filter((name) => !groups.some((group) => group.name === name));
    return [
      ...groups.map((group) => ({ ...group, table: this.#db.tableOf(group.name), isConfigured: true })),
      ...others.map((name) => ({ name, destinations: [], table: this.#db.tableOf(name), isConfigured: false })),
    ];
  }

  async homeOf(shard: string): Promise<Home> {
    return { group: await this.#homes.locate(shard), configured: this.#db.groupOf(shard) };
  }

  async listHomes(after: string, limit: number) {
    const records = await listRecords(this.#db, homeFamily, after, limit);
    return records.map(({ name, value }) => ({ shard: name, group: Buffer.from(value).toString() }));
  }

  lacking(shard: string, group: string, keys: readonly string[], until: number): Promise<readonly string[]> {
    return lackingBlobs(this.#db, this.#db.tableOf(group), shard, keys, { ttl: until });
  }

  uncopied(shard: string, group: string, keys: readonly string[], until: number): Promise<readonly string[]> {
    return lackingBlobs(this.#db, this.#db.tableOf(group), shard, keys, { copied: until });
  }

  async copyBlobs(
    shard: string,
    to: string,
    keys: readonly string[],
    expiresAt: number,
  ): Promise<readonly string[] | undefined> {
    // What was remembered may be another place by now, where there was never what is looked for.
    const from = await this.#homes.locate(shard);
    if (from === undefined || from === to) return undefined;
    const tables = { from: this.#db.tableOf(from), to: this.#db.tableOf(to) };
    const missing = await copyBlobs(this.#db, tables, shard, keys, expiresAt);
    return missing.length > 0 && (await this.#homes.locate(shard)) !== from ? undefined : missing;
  }

  async quiet(shard: string, until: number): Promise<void> {
    await this.#homes.atHead(shard, (group) => quietHead(this.#db, this.#db.tableOf(group), shard, until));
  }

  async close(shard: string, nonce: string): Promise<Head | undefined> {
    const outcome = await this.#homes.atHead(shard, (group) =>
      closeHead(this.#db, this.#db.tableOf(group), shard, nonce),
    );
    return outcome?.kind === 'closed' ? outcome.head : undefined;
  }

  async moveHead(head: Head, move: HeadMove): Promise<boolean> {
    const { shard } = head;
    const from = await this.#homes.of(shard);
    // Somebody else was faster.
    if (from === move.to) return false;
    if (move.wake !== undefined) await putWake(this.#db, this.#db.tableOf(move.to), shard, move.wake);
    const isMoved = await moveHead(this.#db, from, head, move);
    if (isMoved) this.#homes.learn(shard, move.to);
    return isMoved;
  }
}
