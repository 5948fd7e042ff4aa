import type { AckMode, Delivery, Headers } from '../../../lib/model/message.ts';
import { decodeToken } from '../../../lib/shard/token.ts';
import type { Frame } from '../../../lib/stomp/frame.ts';
import { Holders } from './holders.ts';
import { type Sent, SentLog } from './sent-log.ts';
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
  readonly #now: () => number;
  readonly #slackMs: number;
  /** Messages that somebody had, by queue and id; dead letters also by the id that they had before. */
  readonly #seen = new Set<string>();
  /** What pulls were given by commits: the message and the attempt, and whether it was flagged. */
  readonly #given = new Map<string, boolean>();
  /** Deliveries that somebody got, by queue, message and attempt, and who that was. */
  readonly #numbers = new Map<string, string>();
  /** By consumer, the latest message in the order of sending. */
  readonly #latest = new Map<string, number>();
  /** What went back without a delivery: its place in the order is lost. */
  readonly #displaced = new Set<string>();
  readonly totals = { sent: 0, receipted: 0, deliveries: 0, duplicates: 0, recovered: 0, deadLettered: 0, browsed: 0 };

  /** @param slackMs how far clocks and posts may be off */
  constructor(now: () => number, slackMs: number) {
    this.#now = now;
    this.#slackMs = slackMs;
    this.sent = new SentLog(now);
    this.holders = new Holders(now, slackMs);
  }

  make(queue: string, messages: readonly { readonly id: string; readonly headers: Headers }[]): void {
    this.sent.make(queue, messages);
    this.totals.sent += messages.length;
  }

  receipted(ids: readonly string[]): void {
    this.sent.receipted(ids);
    this.totals.receipted += ids.length;
  }

  delivered(who: string, connection: string, queue: string, { headers, body }: Frame, ack: AckMode): void {
    const arrival = {
      who,
      connection,
      queue,
      body: Buffer.from(body).toString(),
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
    const isKnown = this.#isKnown(arrival);
    must(arrival.isRedelivered || !isKnown, 'what was delivered before carries redelivered', arrival);
    if (headers.ack !== undefined) this.#number(queue, headers.ack, arrival);
    this.#take(arrival, sent, isKnown);
    if (!isKnown && !arrival.isRedelivered && !isDeadLetter) this.#checkOrder(arrival, sent);
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
      body: Buffer.from(message.body).toString(),
      messageId,
      original: message.headers['original-message-id'],
      isRedelivered: redelivered,
      isAuto: false,
      isPulled: true,
      until,
    };
    const sent = this.#recognise(arrival);
    const given = this.#given.get(`${queue} ${messageId} ${decodeToken(token).attempt}`);
    must(given === redelivered, 'a pull gets what a commit gave it', arrival, given);
    this.#number(queue, token, arrival);
    const isKnown = this.#isKnown(arrival);
    if (until > this.#now() + this.#slackMs) this.#take(arrival, sent, isKnown);
    else this.#see(arrival, isKnown);
  }

  /** What one consumer says of a delivery ends no other. */
  #number(queue: string, token: string, arrival: Arrival): void {
    const { incarnation, sequence, attempt } = decodeToken(token);
    const number = `${queue} ${incarnation} ${sequence} ${attempt}`;
    must(!this.#numbers.has(number), 'a delivery has a number of its own', arrival, attempt, this.#numbers.get(number));
    this.#numbers.set(number, arrival.who);
  }

  #recognise({ queue, body, messageId }: Arrival): Sent {
    const sent = this.sent.recognise(queue, body, messageId);
    this.totals.deliveries++;
    if (queue !== sent.queue) this.totals.deadLettered++;
    return sent;
  }

  #isKnown({ queue, messageId, original }: Arrival): boolean {
    return (
      this.#seen.has(`${queue} ${messageId}`) || (original !== undefined && this.#seen.has(`${queue} ${original}`))
    );
  }

  #see({ queue, messageId, original }: Arrival, isKnown: boolean): void {
    this.#seen.add(`${queue} ${messageId}`);
    if (original !== undefined) this.#seen.add(`${queue} ${original}`);
    if (isKnown) this.totals.duplicates++;
  }

  #take(arrival: Arrival, sent: Sent, isKnown: boolean): void {
    const { queue, messageId } = arrival;
    this.holders.take(`${queue} ${messageId}`, arrival, sent);
    this.#see(arrival, isKnown);
    if (sent.receiptedAt === Number.POSITIVE_INFINITY) this.totals.recovered++;
    if (arrival.isAuto) this.sent.end(queue, messageId, arrival.body);
  }

  /** What was receipted before another was sent comes before it. */
  #checkOrder({ who, queue, messageId }: Arrival, sent: Sent): void {
    if (this.#displaced.has(`${queue} ${messageId}`)) return;
    const latest = this.#latest.get(who) ?? 0;
    const isFirst = sent.copies > 1 || latest < sent.receiptedAt;
    must(isFirst, 'a consumer gets messages in the order of their receipts', who, sent.id, latest);
    if (sent.copies === 1) this.#latest.set(who, Math.max(latest, sent.issuedAt));
  }

  /** A commit gives a message to a pull: the flag is held against what clients have seen by then. */
  given(queue: string, messageId: string, attempt: number, isRedelivered: boolean): void {
    const isKnown = this.#seen.has(`${queue} ${messageId}`);
    must(isRedelivered || !isKnown, 'what was delivered before carries redelivered', queue, messageId, attempt);
    this.#given.set(`${queue} ${messageId} ${attempt}`, isRedelivered);
  }

  acknowledging(queue: string, messageId: string): void {
    this.sent.end(queue, messageId);
    this.letGo(queue, messageId);
  }

  letGo(queue: string, messageId: string): void {
    this.holders.letGo(`${queue} ${messageId}`);
  }

  settling(who: string, queue: string, { headers, body }: Frame, ack: AckMode, isRejected: boolean): void {
    const messageId = headers['message-id'] ?? '';
    const name = `${queue} ${messageId}`;
    for (const each of ack === 'client' ? this.holders.upTo(who, name) : [name]) {
      if (this.holders.letGoOf(who, each) && !isRejected) this.sent.end(queue, each.slice(queue.length + 1));
    }
    if (!isRejected) this.sent.end(queue, messageId, Buffer.from(body).toString());
  }

  displaced(queue: string, messageId: string): void {
    this.#displaced.add(`${queue} ${messageId}`);
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
