import type { Frame } from '../../../lib/stomp/frame.ts';
import { must } from './violation.ts';

/** A message to a topic, as its sender knows it. */
type Published = {
  readonly id: string;
  readonly isTransient: boolean;
  readonly expires: number;
  /** How often it was handed to the broker: each may make one. */
  copies: number;
  /** Places in the order of all that clients did; 0 and infinite if it did not come to that. */
  issuedAt: number;
  receiptedAt: number;
  readonly messageIds: Set<string>;
};

/** One subscription, for as long as its connection lasts. */
type Membership = {
  readonly who: string;
  /** When SUBSCRIBE was sent, and when its receipt came. */
  readonly askedAt: number;
  confirmedAt: number;
  isOver: boolean;
  readonly had: Set<string>;
  readonly messageIds: Set<string>;
};

const NEVER = Number.POSITIVE_INFINITY;

/**
 * What subscribers of a topic saw: all that was sent once they were confirmed, in order and without a gap, nothing that
 * was sent before, and nothing twice without a flag.
 */
export class AudienceLog {
  readonly #now: () => number;
  readonly #slackMs: number;
  readonly #published = new Map<string, Published>();
  readonly #members = new Map<string, Membership>();
  /** Messages that were posted by a master whose clock was off: it may have been none any more. */
  readonly strays = new Set<string>();
  #order = 0;

  /** @param slackMs how far clocks and posts may be off */
  constructor(now: () => number, slackMs: number) {
    this.#now = now;
    this.#slackMs = slackMs;
  }

  make(id: string, isTransient: boolean, expires: number): void {
    const copies = { copies: 0, issuedAt: 0, receiptedAt: NEVER, messageIds: new Set<string>() };
    this.#published.set(id, { id, isTransient, expires, ...copies });
  }

  sending(ids: readonly string[]): void {
    for (const id of ids) {
      const published = this.#published.get(id);
      if (!published) continue;
      published.copies++;
      published.issuedAt ||= ++this.#order;
    }
  }

  receipted(ids: readonly string[]): void {
    this.#order++;
    for (const id of ids) {
      const published = this.#published.get(id);
      if (published) published.receiptedAt = this.#order;
    }
  }

  subscribing(who: string): void {
    const times = { askedAt: ++this.#order, confirmedAt: NEVER, isOver: false };
    this.#members.set(who, { who, ...times, had: new Set(), messageIds: new Set() });
  }

  confirmed(who: string): void {
    const member = this.#members.get(who);
    if (member) member.confirmedAt = ++this.#order;
  }

  gone(who: string): void {
    const member = this.#members.get(who);
    if (member) member.isOver = true;
  }

  delivered(who: string, { headers, body }: Frame): void {
    const published = this.#published.get(Buffer.from(body).toString());
    const member = this.#members.get(who);
    must(published !== undefined && published.copies > 0, 'what nobody sent is never delivered', headers);
    must(member !== undefined, 'who did not subscribe gets nothing', who, published.id);
    const messageId = headers['message-id'] ?? '';
    published.messageIds.add(messageId);
    const isOne = published.messageIds.size <= published.copies;
    must(isOne, 'a message is sent once for each time that it was sent', published.id, messageId);
    const late = this.#now() - published.expires;
    const isTimely = published.expires === 0 || late < 4 * this.#slackMs;
    must(isTimely, 'nothing is pushed that has expired', published.id, late);
    const isKnown = member.messageIds.has(messageId);
    const isFlagged = headers.redelivered === 'true';
    must(
      isFlagged || !isKnown || this.strays.has(messageId),
      'what was delivered before carries redelivered',
      who,
      published.id,
    );
    must(!isKnown || !published.isTransient, 'a message that is not persistent is never pushed twice', published.id);
    const isNew = published.copies > 1 || published.receiptedAt > member.askedAt;
    must(isNew, 'a subscriber gets nothing that was sent before it was there', who, published.id);
    if (!isKnown && published.copies === 1 && !this.strays.has(messageId)) this.#checkNoGap(member, published);
    member.messageIds.add(messageId);
    member.had.add(published.id);
  }

  /** What was receipted before another was sent comes before it. */
  #checkNoGap(member: Membership, { id, issuedAt }: Published): void {
    const missed = this.#due(member).filter((due) => due.receiptedAt < issuedAt);
    const names = missed.map((due) => due.id);
    must(missed.length === 0, 'a subscriber gets all messages in their order', member.who, id, names);
  }

  /** What the member must have by now, and has not. */
  #due(member: Membership): Published[] {
    return [...this.#published.values()].filter((published) => {
      const isSure = !published.isTransient && published.expires === 0 && published.receiptedAt < NEVER;
      return isSure && published.issuedAt > member.confirmedAt && !member.had.has(published.id);
    });
  }

  get #lasting(): Membership[] {
    return [...this.#members.values()].filter(({ isOver }) => !isOver);
  }

  areAllServed(): boolean {
    return this.#lasting.every((member) => this.#due(member).length === 0);
  }

  checkMissed(): void {
    const missed = this.#lasting.map((member) => [member.who, ...this.#due(member).map(({ id }) => id)]);
    const isServed = missed.every(({ length }) => length === 1);
    must(isServed, 'who stays subscribed gets everything', missed);
  }
}
