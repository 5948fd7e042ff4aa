import { BrokerError } from '../../model/errors.ts';
import { batchKeysOf } from '../../shard/codec/entry.ts';
import { minuteOf } from '../../shard/conclude/wake-up.ts';
import { leaseFrom } from '../../shard/state/lease.ts';
import { decodePage, type Reference } from '../../shard/state/reference.ts';
import { roots } from '../../shard/state/state.ts';
import type { GroupedStore, Head, Lease } from '../../store/port.ts';
import type { Broker } from '../broker.ts';
import { isWorthRetrying } from '../inbox/append.ts';
import { backOff, freshNonce, type Mastership, stealIfDead } from '../inbox/leases.ts';
import { becomeMaster } from '../requests.ts';
import { entriesOf, stateOfHead } from '../shards.ts';
import { deadLease, giveBack } from '../turn/yield.ts';
import { groupsOf } from './groups.ts';
import { wake } from './sweep.ts';

/** How far a move has come. */
export type Move = {
  /** Where the shard is now. */
  readonly group: string;
  /** False: ask again, and it goes on. */
  readonly isDone: boolean;
};

/** How long one request moves on; its caller has an answer before a door gives up waiting. */
const REQUEST_MS = 10_000;
/** After this a master that takes one turn after the other gets no more requests, for that long. */
const PATIENCE_MS = 1_000;
const QUIET_MS = 1_500;
/** How many items are looked for, and copied, at the same time: to look brings no bodies. */
const LOOKED_FOR = 100;
const AT_ONCE = 16;
/** What is left of a lease when a move is given up rather than begun. */
const LEAST_MS = 1_000;
/** A copy is good for as long as it has this share of the retention left, and is then made anew. */
const GOOD_SHARE = 7 / 8;
/** How often one round looks again after a master was faster. */
const LOOKS = 16;

/**
 * Moves a queue or a topic to another destination group, with everything in it: what it needs is copied while it is
 * in use; then its inbox is closed for a moment, what came since is copied, and its head goes over in one transaction.
 * A request does a bounded part. What was copied is found there by the next one, so that nothing has to be told from
 * one to the other, and any number may go on with a move, or break it off.
 * @throws BrokerError NOT_SUPPORTED where there is one place for all; INVALID_REQUEST for a group that is not
 *   configured; NOT_FOUND for a shard that is not there
 */
export async function moveShard(broker: Broker, shard: string, to: string | undefined): Promise<Move> {
  const groups = groupsOf(broker);
  const { group, configured } = await groups.homeOf(shard);
  const target = to ?? configured;
  const names = (await groups.list()).filter(({ isConfigured }) => isConfigured).map(({ name }) => name);
  if (!names.includes(target)) {
    const known = names.join(', ');
    throw new BrokerError(
      'INVALID_REQUEST',
      `There is no destination group "${target.slice(0, 64)}"; there is ${known}.`,
    );
  }
  if (group === undefined) throw new BrokerError('NOT_FOUND', `There is no ${shard}.`);
  if (group === target) return { group, isDone: true };
  const giveUpAt = broker.clock.now() + REQUEST_MS;
  if (!(await new Moving(broker, groups, shard, target).goOn(giveUpAt))) return { group, isDone: false };
  broker.log('shard moved', { shard, from: group, to: target });
  // Nobody is its master there yet: what it has to do is done now, and by the sweep if this process ends.
  broker.defer(() => wake(broker, shard));
  return { group: target, isDone: true };
}

class Moving {
  readonly #broker: Broker;
  readonly #groups: GroupedStore;
  readonly #shard: string;
  readonly #to: string;
  /** Pages and bodies that were not there when they were to be read. */
  readonly #missing = new Set<string>();
  /** What the head named at the last look, and is copied: while the inbox is closed, only what came since is looked for. */
  #copied: ReadonlySet<string> = new Set();

  constructor(broker: Broker, groups: GroupedStore, shard: string, to: string) {
    this.#broker = broker;
    this.#groups = groups;
    this.#shard = shard;
    this.#to = to;
  }

  /** @returns false if the time is over */
  async goOn(giveUpAt: number): Promise<boolean> {
    for (let looks = 0; looks < LOOKS && this.#hasTime(giveUpAt); looks++) {
      const head = await this.#broker.store.readHead(this.#shard);
      if (!head) throw new BrokerError('NOT_FOUND', `There is no ${this.#shard}.`);
      // Somebody else may have moved it.
      if (looks > 0 && (await this.#groups.homeOf(this.#shard)).group === this.#to) return true;
      if (!(await this.#copy(head, giveUpAt))) continue;
      const mastership = await this.#lead(giveUpAt);
      if (mastership && (await this.#takeAlong(mastership, giveUpAt))) return true;
    }
    return false;
  }

  #hasTime(giveUpAt: number): boolean {
    return this.#broker.clock.now() < giveUpAt;
  }

  /** Waits for the shard to have no master. One that takes turn after turn gets no more requests for a while. */
  async #lead(giveUpAt: number): Promise<Mastership | undefined> {
    const { store, clock } = this.#broker;
    let quietAt = clock.now() + PATIENCE_MS;
    for (let tries = 0; this.#hasTime(giveUpAt); tries++) {
      const head = await store.readHead(this.#shard);
      if (!head) return undefined;
      const mastership = head.lease
        ? await stealIfDead(this.#broker, head, freshNonce(this.#broker))
        : await becomeMaster(this.#broker, this.#shard, 0);
      if (mastership) return mastership;
      if (head.lease && clock.now() >= quietAt) {
        await this.#groups.quiet(this.#shard, clock.now() + QUIET_MS);
        quietAt = clock.now() + 2 * QUIET_MS;
      }
      await backOff(this.#broker, Math.min(tries, 3));
    }
    return undefined;
  }

  /**
   * Closes the inbox, copies what came since, and lets the head go over. One that needs longer than a lease takes the
   * lease anew: who gave it back would find more each time. Or gives the lease back.
   */
  async #takeAlong({ lease, takeover, head: seen }: Mastership, giveUpAt: number): Promise<boolean> {
    const { clock } = this.#broker;
    let { nonce, until } = lease;
    let held = seen;
    try {
      for (;;) {
        const head = await this.#groups.close(this.#shard, nonce);
        if (!head) return false;
        held = head;
        const closeUntil = until - Math.min(LEAST_MS, this.#broker.limits.leaseMs / 4);
        const isCopied = await this.#copy(head, closeUntil);
        if (clock.now() < closeUntil) {
          if (isCopied && (await this.#moveHead(head, nonce, takeover))) return true;
          // Somebody else has moved it, or a page was not there: the next look tells.
          break;
        }
        const renewed = this.#hasTime(giveUpAt) ? await this.#renew(nonce) : undefined;
        if (!renewed) break;
        ({ nonce, until } = renewed);
      }
    } catch (error) {
      await this.#giveBack(held, nonce, takeover);
      throw error;
    }
    await this.#giveBack(held, nonce, takeover);
    return false;
  }

  /** @returns undefined if another master has it */
  async #renew(nonce: string): Promise<Lease | undefined> {
    const { store, clock, limits } = this.#broker;
    const lease = leaseFrom(freshNonce(this.#broker), clock.now(), limits);
    const { kind } = await store.steal(this.#shard, { seen: nonce, lease });
    return kind === 'stolen' ? lease : undefined;
  }

  async #moveHead(head: Head, nonce: string, takeover: boolean): Promise<boolean> {
    const { clock, limits } = this.#broker;
    const { wake: minute } = stateOfHead(head);
    return await this.#groups.moveHead(head, {
      to: this.#to,
      nonce,
      // What the master before may have pushed is as suspect there as it was here.
      lease: takeover ? deadLease(this.#broker) : undefined,
      minute: minuteOf(clock.now()),
      wake: minute > 0 ? minute : undefined,
      signUntil: Math.floor((clock.now() + limits.retentionMs) / 1000),
    });
  }

  /** What fails here leaves the lease to run out. */
  async #giveBack(head: Head, nonce: string, takeover: boolean): Promise<void> {
    await giveBack(this.#broker, { head, nonce, hasPushed: takeover, refused: new Map() }).catch(() => {});
  }

  /** Copies what the head needs and the group lacks. @returns false if the time is over, or a master was faster */
  async #copy(head: Head, giveUpAt: number): Promise<boolean> {
    const state = stateOfHead(head);
    const sent = [...entriesOf(head).flatMap(batchKeysOf), ...state.onward.map(({ key }) => key)];
    const inOrder = roots(state).toSorted((a, b) => a.first - b.first);
    const isNew = (key: string) => !this.#copied.has(key);
    const references = inOrder.filter(({ key }) => isNew(key));
    if (!(await this.#copyAll(references, giveUpAt))) return false;
    if (!(await this.#copyItems([...new Set(sent.filter(isNew))], giveUpAt))) return false;
    this.#copied = new Set([...inOrder.map(({ key }) => key), ...sent].filter((key) => !this.#missing.has(key)));
    return true;
  }

  /** A page is copied after all that it leads to: where there is a copy of it, there are copies of all that. */
  async #copyAll(references: readonly Reference[], giveUpAt: number): Promise<boolean> {
    const batches = references.filter(({ level }) => level === 0);
    if (!(await this.#copyItems([...new Set(batches.map(({ key }) => key))], giveUpAt))) return false;
    const pages = references.filter(({ level }) => level > 0);
    const uncopied = new Set(
      await this.#without(
        'uncopied',
        pages.map(({ key }) => key),
      ),
    );
    for (const page of pages) {
      if (uncopied.has(page.key) && !(await this.#copyPage(page, giveUpAt))) return false;
    }
    return true;
  }

  async #copyPage({ key }: Reference, giveUpAt: number): Promise<boolean> {
    if (!this.#hasTime(giveUpAt)) return false;
    const bytes = (await this.#broker.store.getBlobs(this.#shard, [key])).get(key);
    if (!bytes) {
      // One that is still named at the second look is lost already, and must not stop the rest.
      const isLost = this.#missing.has(key);
      this.#missing.add(key);
      return isLost;
    }
    if (!(await this.#copyAll(decodePage(key, bytes), giveUpAt)) || !this.#hasTime(giveUpAt)) return false;
    return await this.#copyPatiently([key], giveUpAt);
  }

  async #copyItems(keys: readonly string[], giveUpAt: number): Promise<boolean> {
    for (let at = 0; at < keys.length; at += LOOKED_FOR) {
      if (!this.#hasTime(giveUpAt)) return false;
      const lacking = await this.#without('lacking', keys.slice(at, at + LOOKED_FOR));
      for (let from = 0; from < lacking.length; from += AT_ONCE) {
        if (!this.#hasTime(giveUpAt)) return false;
        if (!(await this.#copyPatiently(lacking.slice(from, from + AT_ONCE), giveUpAt))) return false;
      }
    }
    return true;
  }

  /** @returns false if somebody else moved it meanwhile: what was there to be copied is elsewhere */
  async #copyPatiently(keys: readonly string[], giveUpAt: number): Promise<boolean> {
    const { clock, limits } = this.#broker;
    for (let tries = 0; ; tries++) {
      try {
        const expiresAt = Math.ceil((clock.now() + limits.retentionMs) / 1000);
        const missing = await this.#groups.copyBlobs(this.#shard, this.#to, keys, expiresAt);
        for (const key of missing ?? []) {
          this.#missing.add(key);
          this.#broker.log('body missing', { shard: this.#shard, key });
        }
        return missing !== undefined;
      } catch (error) {
        if (!isWorthRetrying(error) || !this.#hasTime(giveUpAt)) throw error;
        await backOff(this.#broker, tries);
      }
    }
  }

  #without(what: 'lacking' | 'uncopied', keys: readonly string[]): Promise<readonly string[]> {
    const { clock, limits } = this.#broker;
    const until = Math.floor((clock.now() + limits.retentionMs * GOOD_SHARE) / 1000);
    return keys.length === 0 ? Promise.resolve([]) : this.#groups[what](this.#shard, this.#to, keys, until);
  }
}
