import { formatDestination } from '../../model/destination.ts';
import { BrokerError } from '../../model/errors.ts';
import { queueFamily } from '../port.ts';
import type { Clients } from './connection.ts';
import { getRecord, listRecords } from './directory.ts';
import { type Elsewhere, isElsewhere } from './elsewhere.ts';
import { readHead } from './heads.ts';
import { isGroupGone, isTableMissing } from './missing-table.ts';
import { adoptHead, createHead } from './placing.ts';
import { ServedGroups } from './served.ts';
import { homeFamily } from './tables.ts';

/** How many homes a process remembers. One that it forgot costs a read more. */
const REMEMBERED = 20_000;
/** After this no function runs any more that was deployed before. */
const OLD_CODE_MS = 60 * 60_000;
/** Of how many queues one look at what is due puts the homes down. */
const RECORDED_AT_ONCE = 250;
/** How often a head is followed that goes from one group to another meanwhile. */
const HOPS = 8;

/**
 * In which group each shard lives: that is data. The groups as they are configured decide only where a shard is
 * created, and where it is looked for first. That costs nothing where it is right, which it mostly is; and it does no
 * harm where it is wrong, since no write of a head creates one.
 */
export class Homes {
  readonly served: ServedGroups;
  readonly #db: Clients;
  readonly #known = new Map<string, string>();
  readonly #creating = new Map<string, Promise<void>>();
  #recordedUpTo = '';

  constructor(db: Clients) {
    this.#db = db;
    this.served = new ServedGroups(db);
  }

  /**
   * Does work where the shard's head is.
   * @returns undefined if there is no head
   * @throws BrokerError OVERLOADED if the shard goes from group to group meanwhile
   */
  async atHead<T extends object>(
    shard: string,
    work: (group: string) => Promise<T | Elsewhere>,
  ): Promise<T | undefined> {
    let group = this.guess(shard);
    let isLast = false;
    for (let hops = 0; hops < HOPS; hops++) {
      const outcome = await this.#workIn(group, work);
      if (!isElsewhere(outcome)) {
        this.learn(shard, group);
        return outcome;
      }
      // Another call may have found it meanwhile.
      if (this.#known.get(shard) === group) this.#known.delete(shard);
      const next: string | undefined = outcome.movedTo ?? (await this.locate(shard));
      if (next === undefined || (next === group && isLast)) return undefined;
      // It may have come here since.
      isLast = next === group;
      group = next;
    }
    throw new BrokerError('OVERLOADED', `${shard} is being moved to another destination group; try again.`);
  }

  /** A group that is configured no more may have lost its table: no head is there. */
  async #workIn<T extends object>(group: string, work: (group: string) => Promise<T | Elsewhere>) {
    try {
      return await work(group);
    } catch (error) {
      if (!isGroupGone(this.#db, group, error)) throw error;
      return { kind: 'elsewhere', movedTo: undefined } as const;
    }
  }

  /** Where its head was found last; undefined if it was not. */
  known(shard: string): string | undefined {
    return this.#known.get(shard);
  }

  /**
   * Looks after what the index of a group lists of a shard that was not found there. What is listed of one that went
   * elsewhere goes by itself. A head that nobody knows of is the shard's, from now on.
   * @returns false for a head, which stays listed
   */
  async settleElsewhere(group: string, shard: string): Promise<boolean> {
    if (!(await this.#look(group, shard))) return true;
    if ((await this.recorded(shard)) === undefined) await adoptHead(this.#db, this.known(shard) ?? group, shard);
    return false;
  }

  /** Where to look first: where it was last, or else where it would be created. */
  guess(shard: string): string {
    return this.#known.get(shard) ?? this.#db.groupOf(shard);
  }

  /** The group that the shard is known to live in: what lies beside its head is there. */
  async of(shard: string): Promise<string> {
    return this.#known.get(shard) ?? (await this.locate(shard)) ?? this.#db.groupOf(shard);
  }

  /** The group that the directory, or a head that was made by code which kept no record, says. Undefined: there is none. */
  async locate(shard: string): Promise<string | undefined> {
    const recorded = await this.recorded(shard);
    if (recorded !== undefined) return recorded;
    const { areAllRecorded, names } = await this.served.current();
    return areAllRecorded ? undefined : await this.#adopt(shard, names);
  }

  async recorded(shard: string): Promise<string | undefined> {
    const found = await getRecord(this.#db, { family: homeFamily, name: shard });
    return found && Buffer.from(found).toString();
  }

  /** Creates the shard in the group that the record names, if there is one, or else in that of the configuration. */
  async create(shard: string): Promise<void> {
    const creating = this.#creating.get(shard) ?? this.#create(shard).finally(() => this.#creating.delete(shard));
    this.#creating.set(shard, creating);
    await creating;
  }

  async #create(shard: string): Promise<void> {
    // Before there can be anything in a group, all who look for shards can know of it.
    await this.served.current();
    const group = (await this.recorded(shard)) ?? this.#db.groupOf(shard);
    if (await createHead(this.#db, group, shard)) this.learn(shard, group);
  }

  /** Heads of before there were records: where one is, it stays. */
  async #adopt(shard: string, names: readonly string[]): Promise<string | undefined> {
    const heads = await Promise.all(names.map((group) => this.#look(group, shard)));
    const found = names.filter((_, i) => heads[i]);
    // Code that kept no records made a second one when the configuration changed: that is the one in use.
    const mine = this.#db.groupOf(shard);
    const group = found.includes(mine) ? mine : found[0];
    if (group === undefined || (await adoptHead(this.#db, group, shard))) return group;
    return await this.recorded(shard);
  }

  /** Whether the group holds a head of the shard. */
  async #look(group: string, shard: string): Promise<boolean> {
    try {
      return !isElsewhere(await readHead(this.#db, this.#db.tableOf(group), shard));
    } catch (error) {
      if (isTableMissing(this.#db, group, error)) return false;
      throw error;
    }
  }

  /**
   * Goes on to put down the homes of queues that were made by code which kept no record of them, so that nobody has to
   * look for them in every group. Begins when such code is gone for sure.
   */
  async recordSome(now: number): Promise<void> {
    const served = await this.served.current();
    if (served.areAllRecorded || now < served.since + OLD_CODE_MS) return;
    const queues = await listRecords(this.#db, queueFamily, this.#recordedUpTo, RECORDED_AT_ONCE);
    for (const { name } of queues) {
      await this.locate(formatDestination({ kind: 'queue', name }));
      this.#recordedUpTo = name;
    }
    if (queues.length < RECORDED_AT_ONCE) await this.served.setAllRecorded();
  }

  /** The shard was found there, or moved there. Those that were found last are remembered. */
  learn(shard: string, group: string): void {
    this.#known.delete(shard);
    this.#known.set(shard, group);
    if (this.#known.size <= REMEMBERED) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      return;
    }
  }
}
