import { BrokerError } from '../../model/errors.ts';
import { expiryOf, type Message } from '../../model/message.ts';
import { messageBytes, replyBytes } from '../../model/message-bytes.ts';
import { endOf } from '../../shard/state/ranges.ts';
import type { Head } from '../../store/port.ts';
import { Reading } from '../bodies/reading.ts';
import { type Stretch, stretchesOf, type Unfolded, unfold } from '../bodies/stretch.ts';
import type { Broker } from '../broker.ts';
import { shardOf, viewHead } from '../shards.ts';
import { isRecorded } from './queues.ts';

/** A message as a browse shows it. */
export type Browsed = {
  readonly message: Message;
  readonly messageId: string;
  /** Its place in the queue's order: the next page begins after it. */
  readonly sequence: number;
  /** True while it is with a consumer. */
  readonly inFlight: boolean;
  readonly redelivered: boolean;
};

export type BrowsePage = {
  readonly messages: readonly Browsed[];
  /** The sequence after which the next page begins; undefined if this was the last. */
  readonly next: number | undefined;
};

/** After so many looks that showed nothing more, what is still missing is taken for lost. */
const LOOKS = 8;
/** How many batches to read before it is known how large they are, and the most at once. */
const FIRST_BATCHES = 4;
const MOST_BATCHES = 64;

/**
 * Shows messages that are not consumed yet, those in flight included, in the order of their sequence, without taking
 * them. A page ends after `limit` messages, after `batchBytes` or `replyBytes` of them, or where it has looked at `browseCount`: it may
 * be empty although there is a next one. @see JMS 3.1 §4.7 QueueBrowser
 * @param after the last sequence of the page before; 0 for the first
 * @throws BrokerError NOT_FOUND; OVERLOADED if many browse
 */
export async function browse(broker: Broker, queue: string, after: number, limit: number): Promise<BrowsePage> {
  return await broker.browsing.read(() => browseNow(broker, queue, after, limit));
}

async function browseNow(broker: Broker, queue: string, after: number, limit: number): Promise<BrowsePage> {
  const shard = shardOf(queue);
  const browsing = new Browsing(broker, shard, after, limit);
  for (let looks = 1; ; looks++) {
    const head = await broker.store.readHead(shard);
    if (!head) {
      if (await isRecorded(broker, queue)) return { messages: [], next: undefined };
      throw new BrokerError('NOT_FOUND', `There is no queue /queue/${queue}.`);
    }
    const shown = browsing.messages.length;
    // A master goes on meanwhile, and what it uses up may be gone before it is read here.
    const page = await browsing.look(head, looks >= LOOKS);
    if (page) return page;
    if (browsing.messages.length > shown) looks = 0;
  }
}

/** One page in the making: each look goes on where the one before ended. */
class Browsing {
  readonly messages: Browsed[] = [];
  readonly #broker: Broker;
  readonly #shard: string;
  readonly #limit: number;
  /** The last sequence that was looked at. */
  #passed: number;
  #looked = 0;
  /** Octets of what is shown, and of what was read for it. */
  #shownBytes = 0;
  #replyBytes = 0;
  #readBytes = 0;
  #batches = 0;
  #atOnce = FIRST_BATCHES;

  constructor(broker: Broker, shard: string, after: number, limit: number) {
    this.#broker = broker;
    this.#shard = shard;
    this.#passed = after;
    this.#limit = limit;
  }

  /** @returns undefined if something went before it was read, unless what is missing is lost */
  async look(head: Head, isMissingLost: boolean): Promise<BrowsePage | undefined> {
    const reading = new Reading(this.#broker, this.#shard);
    let row = stretchesOf(viewHead(this.#broker, head).draft, this.#passed);
    while (row.length > 0 && this.#room > 0) {
      const near = nearest(row, this.#room, this.#atOnce, this.#broker.limits.batchBytes - this.#readBytes);
      if (near.length === 0) {
        const unfolded = await this.#unfold(row, reading);
        if (!unfolded.isWhole && !isMissingLost) return undefined;
        row = unfolded.row;
        continue;
      }
      await this.#read(reading, new Set(near.map(({ reference }) => reference.key)));
      if (!this.#showAll(reading, near, isMissingLost)) return undefined;
      if (this.#passed < endOf(near.at(-1) as Stretch) - 1) break;
      row = row.slice(near.length);
    }
    return { messages: this.messages, next: row.length > 0 ? this.#passed : undefined };
  }

  get #isOverfull(): boolean {
    const { limits } = this.#broker;
    return this.#shownBytes > limits.batchBytes || this.#replyBytes > limits.replyBytes;
  }

  /** How many messages more to look at. */
  get #room(): number {
    const { batchBytes, browseCount } = this.#broker.limits;
    if (this.#readBytes >= batchBytes) return 0;
    return Math.min(this.#limit - this.messages.length, browseCount - this.#looked);
  }

  /** Reads the pages of one level that are in the way. */
  async #unfold(row: readonly Stretch[], reading: Reading): Promise<Unfolded> {
    const unfolded = unfold(row, this.#room, reading.lookup);
    if (unfolded.unread.length > 0) await reading.fetch({ kind: 'needs', pages: unfolded.unread, batches: [] });
    return unfolded;
  }

  async #read(reading: Reading, keys: ReadonlySet<string>): Promise<void> {
    const batches = [...keys].filter((key) => reading.lookup.batch(key) === undefined);
    if (batches.length > 0) await reading.fetch({ kind: 'needs', pages: [], batches });
    // An embedded store answers at once, a cache even sooner: others have their turn in between.
    if (this.#batches > 0) await this.#broker.clock.sleep(0);
    for (const key of keys) {
      for (const message of reading.lookup.batch(key) ?? []) this.#readBytes += messageBytes(message);
    }
    this.#batches += keys.size;
    const fit = (this.#broker.limits.batchBytes - this.#readBytes) / Math.max(1, this.#readBytes / this.#batches);
    this.#atOnce = Math.max(1, Math.min(Math.ceil(fit), this.#atOnce * FIRST_BATCHES, MOST_BATCHES));
  }

  #showAll(reading: Reading, stretches: readonly Stretch[], isMissingLost: boolean): boolean {
    const date = this.#broker.clock.date();
    for (const stretch of stretches) {
      const batch = reading.lookup.batch(stretch.reference.key);
      if (!batch && !isMissingLost) return false;
      for (let sequence = stretch.first; sequence < endOf(stretch) && this.#limit > this.messages.length; sequence++) {
        if (!this.#show(stretch, sequence, batch, date)) return true;
      }
    }
    return true;
  }

  /** @returns false if the page is full without it */
  #show({ reference, inFlight, redelivered }: Stretch, sequence: number, batch: Batch, date: number): boolean {
    const index = reference.offset + sequence - reference.first;
    const message = batch?.[index];
    const expires = message ? expiryOf(message.headers) : 0;
    if (message && !(expires > 0 && expires <= date)) {
      this.#shownBytes += messageBytes(message);
      this.#replyBytes += replyBytes(message);
      if (this.messages.length > 0 && this.#isOverfull) return false;
      this.messages.push({ message, messageId: `${reference.key}-${index}`, sequence, inFlight, redelivered });
    }
    this.#looked++;
    this.#passed = sequence;
    return true;
  }
}

type Batch = readonly Message[] | null | undefined;

/**
 * The first stretches of a row, up to so many messages, in so many batches and, as far as that is known of them, so many
 * octets, but for the last one; none if a page comes first.
 */
function nearest(row: readonly Stretch[], count: number, batches: number, bytes: number): readonly Stretch[] {
  const near: Stretch[] = [];
  const keys = new Set<string>();
  let [left, leftBytes] = [count, bytes];
  for (const stretch of row) {
    const { key, level, sizeBytes = 0 } = stretch.reference;
    const isNew = !keys.has(key);
    if (left <= 0 || (isNew && (keys.size === batches || leftBytes <= 0)) || level > 0) break;
    if (isNew) leftBytes -= sizeBytes;
    keys.add(key);
    near.push(stretch);
    left -= stretch.count;
  }
  return near;
}
