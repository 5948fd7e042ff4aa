import type { AckMode, Delivery, Headers } from '../../../lib/model/message.ts';
import type { Frame } from '../../../lib/stomp/frame.ts';
import { must } from './violation.ts';

/** A message as its sender knows it. */
type Sent = {
  readonly id: string;
  readonly queue: string;
  readonly isTransient: boolean;
  readonly expires: number;
  /** How often it was handed to the broker: each may make one. */
  copies: number;
  issuedAt: number;
  receiptedAt: number;
  readonly messageIds: Set<string>;
  /** Somebody acknowledged it, or took it with automatic acknowledgement. */
  isEnded: boolean;
};

/** One delivery that a client has in its hands. */
type Holding = {
  readonly who: string;
  readonly connection: string;
  readonly until: number;
  readonly takeovers: number;
  isFree: boolean;
  /** The post's outcome is not known to the broker. */
  isDoubtful: boolean;
};

type Arrival = {
  readonly who: string;
  readonly connection: string;
  readonly queue: string;
  readonly body: string;
  readonly messageId: string;
  readonly original: string | undefined;
  readonly isRedelivered: boolean;
  readonly isAuto: boolean;
  readonly isPulled: boolean;
  readonly until: number;
};

const FOREVER = Number.POSITIVE_INFINITY;

/**
 * What clients did and saw, checked as Jepsen does a total queue and a log: nothing lost, nothing invented, nothing
 * twice without a flag, first deliveries in order, one holder at a time.
 */
export class History {
  readonly #now: () => number;
  readonly #slackMs: number;
  readonly #sent = new Map<string, Sent>();
  readonly #seen = new Set<string>();
  readonly #acknowledged = new Set<string>();
  readonly #holdings = new Map<string, Holding>();
  readonly #byHolder = new Map<string, string[]>();
  readonly #latest = new Map<string, number>();
  readonly #takeovers = new Map<string, number>();
  /** What went back without a delivery: its place in the order is lost. */
  readonly #displaced = new Set<string>();
  #order = 0;
  readonly totals = { sent: 0, receipted: 0, deliveries: 0, duplicates: 0, recovered: 0, deadLettered: 0 };

  /** @param slackMs how far clocks and posts may be off */
  constructor(now: () => number, slackMs: number) {
    this.#now = now;
    this.#slackMs = slackMs;
  }

  make(queue: string, messages: readonly { readonly id: string; readonly headers: Headers }[]): void {
    for (const { id, headers } of messages) {
      this.#sent.set(id, {
        id,
        queue,
        isTransient: headers.persistent === 'false',
        expires: Number(headers.expires ?? 0),
        copies: 0,
        issuedAt: 0,
        receiptedAt: FOREVER,
        messageIds: new Set(),
        isEnded: false,
      });
    }
    this.totals.sent += messages.length;
  }

  sending(ids: readonly string[]): void {
    for (const id of ids) {
      const sent = this.#sent.get(id);
      if (!sent) continue;
      sent.copies++;
      sent.issuedAt ||= ++this.#order;
    }
  }

  receipted(ids: readonly string[]): void {
    this.#order++;
    for (const id of ids) {
      const sent = this.#sent.get(id);
      if (sent) sent.receiptedAt = this.#order;
    }
    this.totals.receipted += ids.length;
  }

  delivered(who: string, connection: string, queue: string, { headers, body }: Frame, ack: AckMode): void {
    this.#arrive({
      who,
      connection,
      queue,
      body: Buffer.from(body).toString(),
      messageId: headers['message-id'] ?? '',
      original: headers['original-message-id'],
      isRedelivered: headers.redelivered === 'true',
      isAuto: ack === 'auto',
      isPulled: false,
      until: FOREVER,
    });
  }

  /** @param until when the pull was asked for, and its visibility timeout on top */
  pulled(who: string, queue: string, delivery: Delivery, until: number): void {
    this.#arrive({
      who,
      connection: '',
      queue,
      body: Buffer.from(delivery.message.body).toString(),
      messageId: delivery.messageId,
      original: delivery.message.headers['original-message-id'],
      isRedelivered: delivery.redelivered,
      isAuto: false,
      isPulled: true,
      until,
    });
  }

  #arrive(arrival: Arrival): void {
    const { queue, body, messageId, isRedelivered } = arrival;
    const sent = this.#sent.get(body);
    must(sent !== undefined && sent.copies > 0, 'what nobody sent is never delivered', body);
    const isDeadLetter = queue === `DLQ.${sent.queue}`;
    must(isDeadLetter || queue === sent.queue, 'a message stays in its queue', body, queue);
    this.totals.deliveries++;
    if (isDeadLetter) this.totals.deadLettered++;
    if (!isDeadLetter) sent.messageIds.add(messageId);
    must(sent.messageIds.size <= sent.copies, 'a message is sent once for each time that it was sent', body, messageId);
    const late = this.#now() - sent.expires;
    must(
      isDeadLetter || arrival.isPulled || sent.expires === 0 || late < 4 * this.#slackMs,
      'nothing is pushed that has expired',
      body,
      late,
    );
    const name = `${queue} ${messageId}`;
    const origin = arrival.original === undefined ? name : `${queue} of ${arrival.original}`;
    // A reply may come so late that others had the message meanwhile: what it says was true when it was given out.
    if (arrival.until <= this.#now() + this.#slackMs) return;
    const isKnown = this.#seen.has(name) || this.#seen.has(origin);
    must(isRedelivered || !isKnown, 'what was delivered before carries redelivered', body, messageId, arrival.who);
    this.#checkHolder(name, arrival, sent);
    if (!isKnown && !isRedelivered && !arrival.isPulled && !isDeadLetter) this.#checkOrder(arrival, sent);
    this.#seen.add(name).add(origin);
    if (isKnown) this.totals.duplicates++;
    if (sent.receiptedAt === FOREVER) this.totals.recovered++;
    if (arrival.isAuto) {
      sent.isEnded = true;
      this.#acknowledged.add(name);
    }
  }

  /** Somebody else may have it only if the one before let go of it, or a master died. */
  #checkHolder(name: string, arrival: Arrival, sent: Sent): void {
    const { who, connection, queue, messageId, until, isAuto } = arrival;
    const takeovers = this.#takeovers.get(queue) ?? 0;
    const before = this.#holdings.get(name);
    if (before) {
      const isOver = before.isFree || before.until <= this.#now() + this.#slackMs;
      must(
        isOver || !sent.isTransient,
        'a message that is not persistent is never pushed twice',
        messageId,
        before.who,
        who,
      );
      const isExcused = isOver || before.isDoubtful || before.takeovers < takeovers;
      must(isExcused, 'a message is with one consumer at a time', messageId, before.who, who);
    }
    // Two masters gave it to one consumer: what that says to the first holds for the second.
    const isDoubtful = before?.who === who && before.isFree;
    const holding = { who, connection, until, takeovers, isFree: isAuto && !sent.isTransient, isDoubtful };
    this.#holdings.set(name, holding);
    this.#byHolder.set(who, [...(this.#byHolder.get(who) ?? []), name]);
  }

  /** What was receipted before another was sent comes before it. */
  #checkOrder({ who, queue, messageId }: Arrival, sent: Sent): void {
    if (this.#displaced.has(`${queue} ${messageId}`)) return;
    const latest = this.#latest.get(who) ?? 0;
    const isFirst = sent.copies > 1 || latest < sent.receiptedAt;
    must(isFirst, 'a consumer gets messages in the order of their receipts', who, sent.id, latest);
    if (sent.copies === 1) this.#latest.set(who, Math.max(latest, sent.issuedAt));
  }

  acknowledging(queue: string, messageId: string): void {
    this.#acknowledged.add(`${queue} ${messageId}`);
    for (const sent of this.#sent.values()) {
      if (sent.messageIds.has(messageId)) sent.isEnded = true;
    }
    this.letGo(queue, messageId);
  }

  letGo(queue: string, messageId: string): void {
    const holding = this.#holdings.get(`${queue} ${messageId}`);
    if (holding) holding.isFree = true;
  }

  settling(who: string, queue: string, { headers, body }: Frame, ack: AckMode, isRejected: boolean): void {
    const name = `${queue} ${headers['message-id']}`;
    const mine = this.#byHolder.get(who) ?? [];
    const names = ack === 'client' ? mine.slice(0, mine.lastIndexOf(name) + 1) : [name];
    for (const each of names) {
      const holding = this.#holdings.get(each);
      if (holding?.who !== who) continue;
      holding.isFree = true;
      if (!isRejected) this.#end(each);
    }
    const sent = this.#sent.get(Buffer.from(body).toString());
    if (isRejected || !sent) return;
    // Whoever had it may acknowledge it, also when a later holder has it by now.
    sent.isEnded = true;
    this.#acknowledged.add(name);
  }

  #end(name: string): void {
    this.#acknowledged.add(name);
    const messageId = name.slice(name.indexOf(' ') + 1);
    for (const sent of this.#sent.values()) if (sent.messageIds.has(messageId)) sent.isEnded = true;
  }

  /** A connection is gone, and with it all that was in its hands. */
  released(who: string): void {
    for (const name of this.#byHolder.get(who) ?? []) {
      const holding = this.#holdings.get(name);
      if (holding?.who === who) holding.isFree = true;
    }
  }

  doubted(connection: string): void {
    for (const holding of this.#holdings.values()) if (holding.connection === connection) holding.isDoubtful = true;
  }

  displaced(queue: string, messageId: string): void {
    this.#displaced.add(`${queue} ${messageId}`);
  }

  takenOver(queue: string): void {
    this.#takeovers.set(queue, (this.#takeovers.get(queue) ?? 0) + 1);
  }

  /** Whether clients did what lets a message end. */
  mayEnd(queue: string, messageId: string): boolean {
    return this.#acknowledged.has(`${queue} ${messageId}`);
  }

  expiryOf(body: string): number {
    return this.#sent.get(body)?.expires ?? 0;
  }

  /** Receipted messages that nobody had the last word on, and that may not vanish. */
  #unended(): readonly Sent[] {
    return [...this.#sent.values()].filter((sent) => {
      const mayVanish = sent.isTransient || (sent.expires > 0 && sent.expires <= this.#now());
      return sent.receiptedAt < FOREVER && !mayVanish && !sent.isEnded;
    });
  }

  areAllEnded(): boolean {
    return this.#unended().length === 0;
  }

  checkLost(): void {
    const lost = this.#unended();
    must(
      lost.length === 0,
      'what was receipted is not lost',
      lost.map(({ id, messageIds }) => [id, ...messageIds]),
    );
  }
}
