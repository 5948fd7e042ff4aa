import { expiryOf, type Message } from '../../model/message.ts';
import { messageBytes, replyBytes } from '../../model/message-bytes.ts';
import type { Context, Draft, Lookup, Needs } from '../state/draft.ts';
import { type Past, pastOf } from '../state/past.ts';
import type { Range } from '../state/ranges.ts';
import { readySpans, type Span } from '../state/ready.ts';
import type { Apart } from '../state/state.ts';
import { turnBytes } from './audience.ts';
import { isDue, isExpired } from './expiry.ts';

/** One message, to go out in this turn. */
export type PlannedMessage = Past & {
  readonly sequence: number;
  readonly key: string;
  readonly index: number;
  readonly message: Message;
};

/** What a turn takes out of the ready messages. */
export type Taken = {
  readonly kind: 'taken';
  readonly messages: readonly PlannedMessage[];
  /** All that was taken, by sequence: these messages, and those that are over for another reason. */
  readonly ranges: readonly Range[];
  readonly expired: number;
  /** Non-persistent messages whose bodies are not there any more. */
  readonly dropped: number;
  /** Persistent ones. */
  readonly apart: readonly Apart[];
  /** A message in front that stays for want of demand, and when it expires; 0 if never. */
  readonly staying: { readonly first: number; readonly expires: number } | undefined;
  /** Stopped by a bound of the turn rather than for want of messages or room. */
  readonly cutShort: boolean;
};

/** How much of a turn's octets a batch is taken for whose size is not known. */
const UNKNOWN_SHARE = 16;

/**
 * Reads ready messages from the front until `demand` are found that have not expired. With no demand it still takes
 * expired ones off the front, a turn's worth. Asks for no more octets than a turn gives out, but for the last batch.
 */
export function takeReady(draft: Draft, lookup: Lookup, context: Context, demand: number): Taken | Needs {
  const { date, limits } = context;
  const taking = new Taking(context, demand, draft.pulls.length > 0);
  const bytesMax = turnBytes(context);
  const unread = new Set<string>();
  let [reached, walked, askedBytes] = [0, 0, 0];
  for (const span of readySpans(draft, lookup)) {
    const mayExpire = isDue('page' in span ? span : span.reference, date);
    if (reached >= demand && !mayExpire) break;
    if (mayExpire && walked >= limits.turnMessages) {
      taking.cutShort = true;
      break;
    }
    if ('page' in span) return { kind: 'needs', pages: [span.page], batches: [...unread] };
    if (mayExpire) walked += span.count;
    const { level, key, sizeBytes = bytesMax / UNKNOWN_SHARE } = span.reference;
    const batch = level > 0 ? null : lookup.batch(key);
    if (batch === undefined && !unread.has(key)) {
      if (taking.bytes + askedBytes >= bytesMax) {
        taking.cutShort = true;
        break;
      }
      unread.add(key);
      askedBytes += sizeBytes;
    }
    if (batch === undefined || unread.size > 0) {
      reached += span.count;
      continue;
    }
    if (!taking.take(span, batch, mayExpire)) break;
    reached = taking.messages.length;
  }
  return unread.size > 0 ? { kind: 'needs', pages: [], batches: [...unread] } : taking.result();
}

/** Counts what is taken, within the bounds of a turn. */
class Taking {
  readonly #context: Context;
  readonly #demand: number;
  readonly messages: PlannedMessage[] = [];
  readonly #ranges: Range[] = [];
  readonly #apart: Apart[] = [];
  #staying: Taken['staying'];
  #expired = 0;
  #dropped = 0;
  readonly #bytesMax: number;
  /** Somebody who waits for a reply may get all of it. */
  readonly #isPulled: boolean;
  /** Octets of the messages that were taken, and what they take of a reply. */
  bytes = 0;
  #reply = 0;
  cutShort = false;

  constructor(context: Context, demand: number, isPulled: boolean) {
    this.#context = context;
    this.#demand = demand;
    this.#isPulled = isPulled;
    this.#bytesMax = turnBytes(context);
  }

  /** False once enough is taken. */
  take(span: Span, batch: readonly Message[] | null, mayExpire: boolean): boolean {
    const { first, count } = span;
    if (batch === null) {
      if (span.transient) this.#dropped += count;
      else this.#apart.push({ first, count, key: span.reference.key });
      this.#ranges.push({ first, count });
      return true;
    }
    for (let i = 0; i < count; i++) {
      const planned = messageOf(span, i, batch);
      if (mayExpire && isExpired(planned.message, this.#context.date)) this.#expired++;
      else if (!this.#add(planned)) {
        this.#ranges.push({ first, count: i });
        return false;
      }
    }
    this.#ranges.push({ first, count });
    return true;
  }

  #add(planned: PlannedMessage): boolean {
    if (this.messages.length >= this.#demand) {
      if (this.messages.length === 0) {
        this.#staying = { first: planned.sequence, expires: expiryOf(planned.message.headers) };
      }
      return false;
    }
    const bytes = this.bytes + messageBytes(planned.message);
    const reply = this.#reply + (this.#isPulled ? replyBytes(planned.message) : 0);
    if (this.messages.length > 0 && (bytes > this.#bytesMax || reply > this.#context.limits.replyBytes)) {
      this.cutShort = true;
      return false;
    }
    this.messages.push(planned);
    this.bytes = bytes;
    this.#reply = reply;
    return true;
  }

  result(): Taken {
    const isFull = this.#demand > 0 && this.messages.length === this.#context.limits.turnMessages;
    return {
      kind: 'taken',
      messages: this.messages,
      ranges: this.#ranges.filter(({ count }) => count > 0),
      expired: this.#expired,
      dropped: this.#dropped,
      apart: this.#apart,
      staying: this.#staying,
      cutShort: this.cutShort || isFull,
    };
  }
}

function messageOf(span: Span, i: number, batch: readonly Message[]): PlannedMessage {
  const sequence = span.first + i;
  const index = span.reference.offset + sequence - span.reference.first;
  const message = batch[index] as Message;
  return { ...pastOf(span), attempt: span.attempt + 1, sequence, key: span.reference.key, index, message };
}
