import type { AckMode, Delivery, Headers } from '../../../lib/model/message.ts';
import type { Frame } from '../../../lib/stomp/frame.ts';
import { idOf } from '../bodies.ts';
import { Holders } from './holders.ts';
import { Order } from './order.ts';
import { type Sent, SentLog } from './sent-log.ts';
import { Sightings } from './sightings.ts';
import { TransactionLog } from './transaction-log.ts';
import { must } from './violation.ts';

/** A delivery as a client sees it. */
export type Arrival = {
  readonly who: string;
  readonly connection: string;
  readonly queue: string;
  readonly body: string;
  readonly messageId: string;
  readonly original: string | undefined;
  readonly isRedelivered: boolean;
  readonly isAuto: boolean;
  readonly isPulled: boolean;
  /** Until when it is surely with this one; infinite if there is no deadline. */
  readonly until: number;
};

/**
 * What clients did and saw, checked as Jepsen does a total queue and a log: nothing lost, nothing invented, nothing
 * twice without a flag, first deliveries in order, one holder at a time.
 */
export class History {
  readonly sent: SentLog;
  readonly holders: Holders;
  readonly order = new Order();
  readonly sightings = new Sightings();
  readonly transactions: TransactionLog;
  /** Messages that were posted by a master whose clock was off: it may have been none any more. */
  readonly strays = new Set<string>();
  /** How many deliveries its consumer had had with this one: an answer says nothing of those that came after it. */
  readonly #places = new WeakMap<Frame, number>();
  readonly #now: () => number;
  readonly #slackMs: number;
  readonly totals = {
    sent: 0,
    receipted: 0,
    deliveries: 0,
    duplicates: 0,
    recovered: 0,
    deadLettered: 0,
    browsed: 0,
    committed: 0,
    aborted: 0,
  };

  /** @param slackMs how far clocks and posts may be off */
  constructor(now: () => number, slackMs: number) {
    this.#now = now;
    this.#slackMs = slackMs;
    this.sent = new SentLog(now);
    this.holders = new Holders(now, slackMs);
    this.transactions = new TransactionLog(this);
  }

  make(queue: string, messages: readonly { readonly id: string; readonly headers: Headers }[]): void {
    this.sent.make(queue, messages);
    this.totals.sent += messages.length;
  }

  receipted(ids: readonly string[]): void {
    this.sent.receipted(ids);
    this.totals.receipted += ids.length;
  }

  delivered(who: string, connection: string, queue: string, frame: Frame, ack: AckMode): void {
    const { headers, body } = frame;
    const arrival = {
      who,
      connection,
      queue,
      body: idOf(body),
      messageId: headers['message-id'] ?? '',
      original: headers['original-message-id'],
      isRedelivered: headers.redelivered === 'true',
      isAuto: ack === 'auto',
      isPulled: false,
      until: Number.POSITIVE_INFINITY,
    };
    const sent = this.#recognise(arrival);
    const isDeadLetter = queue !== sent.queue;
    const late = this.#now() - sent.expires;
    const isGood = isDeadLetter || sent.expires === 0 || late < 4 * this.#slackMs;
    must(isGood, 'nothing is pushed that has expired', arrival.body, late);
    const isKnown = this.sightings.has(arrival);
    const isStray = this.strays.has(arrival.messageId);
    must(arrival.isRedelivered || !isKnown || isStray, 'what was delivered before carries redelivered', arrival);
    if (headers.ack !== undefined) this.sightings.number(arrival, headers.ack);
    this.#places.set(frame, this.#take(arrival, sent, isKnown));
    if (!isKnown && !arrival.isRedelivered && !isDeadLetter && !isStray) this.order.check(arrival, sent);
  }

  /**
   * A reply may come so late that others had the message meanwhile. What it says was checked when the commit gave it.
   * @param until when the pull was asked for, and its visibility timeout on top
   */
  pulled(who: string, queue: string, delivery: Delivery, until: number): void {
    const { message, messageId, redelivered, token } = delivery;
    const arrival = {
      who,
      connection: '',
      queue,
      body: idOf(message.body),
      messageId,
      original: message.headers['original-message-id'],
      isRedelivered: redelivered,
      isAuto: false,
      isPulled: true,
      until,
    };
    const sent = this.#recognise(arrival);
    this.sightings.checkGiven(arrival, token);
    this.sightings.number(arrival, token);
    const isKnown = this.sightings.has(arrival);
    if (until > this.#now() + this.#slackMs) this.#take(arrival, sent, isKnown);
    else this.#see(arrival, isKnown);
  }

  #recognise({ queue, body, messageId }: Arrival): Sent {
    const sent = this.sent.recognise(queue, body, messageId);
    this.totals.deliveries++;
    this.transactions.delivered(body);
    if (queue !== sent.queue) this.totals.deadLettered++;
    return sent;
  }

  #see(arrival: Arrival, isKnown: boolean): void {
    this.sightings.add(arrival);
    if (isKnown) this.totals.duplicates++;
  }

  #take(arrival: Arrival, sent: Sent, isKnown: boolean): number {
    const { queue, messageId } = arrival;
    const place = this.holders.take(`${queue} ${messageId}`, arrival, sent, this.strays.has(messageId));
    this.#see(arrival, isKnown);
    if (sent.receiptedAt === Number.POSITIVE_INFINITY) this.totals.recovered++;
    if (arrival.isAuto) this.sent.end(queue, messageId, arrival.body);
    return place;
  }

  acknowledging(queue: string, messageId: string): void {
    this.sent.end(queue, messageId);
    this.letGo(queue, messageId);
  }

  letGo(queue: string, messageId: string): void {
    this.holders.letGo(`${queue} ${messageId}`);
  }

  settling(who: string, queue: string, frame: Frame, ack: AckMode, isRejected: boolean): void {
    const { headers, body } = frame;
    const messageId = headers['message-id'] ?? '';
    const name = `${queue} ${messageId}`;
    for (const each of ack === 'client' ? this.holders.upTo(who, this.#places.get(frame) ?? 0) : [name]) {
      if (this.holders.letGoOf(who, each) && !isRejected) this.sent.end(queue, each.slice(queue.length + 1));
    }
    if (!isRejected) this.sent.end(queue, messageId, idOf(body));
  }

  /**
   * What a browse of a queue and then of its dead letters showed.
   * @param wanted those that were there before it began
   */
  browsed(queue: string, wanted: readonly Sent[], bodies: ReadonlySet<string>): void {
    this.totals.browsed += bodies.size;
    const mustShow = new Set(this.sent.unended());
    // By a clock that is ahead it may have expired.
    const lasts = ({ expires }: Sent) => expires === 0 || expires > this.#now() + this.#slackMs;
    const hidden = wanted.filter((sent) => mustShow.has(sent) && lasts(sent) && !bodies.has(sent.id));
    const names = hidden.map(({ id }) => id);
    must(hidden.length === 0, 'what is not consumed can be browsed', queue, names);
  }

  areAllEnded(): boolean {
    return this.sent.unended().length === 0;
  }

  checkLost(): void {
    const lost = this.sent.unended().map(({ id, messageIds }) => [id, ...messageIds]);
    must(lost.length === 0, 'what was receipted is not lost', lost);
  }
}
