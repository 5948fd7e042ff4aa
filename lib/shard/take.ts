import type { Message } from '../model/message.ts';
import type { Context, Draft, Lookup, Needs } from './draft.ts';
import { isDue, isExpired } from './expiry.ts';
import { turnBytes } from './fan-out.ts';
import { readySpans, type Span } from './ready.ts';

/** One message, to go out in this turn. */
export type PlannedMessage = {
  readonly sequence: number;
  readonly attempt: number;
  readonly failures: number;
  readonly transient: boolean;
  readonly redelivered: boolean;
  readonly key: string;
  readonly index: number;
  readonly message: Message;
};

/** What a turn takes off the front of the ready messages. */
export type Taken = {
  readonly kind: 'taken';
  readonly messages: readonly PlannedMessage[];
  /** How many messages were passed on the way, these included. */
  readonly drawn: number;
  readonly expired: number;
  /** Messages whose bodies are not there any more, and the keys of these. */
  readonly lost: number;
  readonly missing: readonly string[];
  /** Stopped by a bound of the turn rather than for want of messages or room. */
  readonly cutShort: boolean;
};

/**
 * Reads ready messages from the front until `demand` are found that have not expired. With no demand it still takes
 * expired ones off the front, a turn's worth.
 */
export function takeReady(draft: Draft, lookup: Lookup, context: Context, demand: number): Taken | Needs {
  const { now, limits } = context;
  const taking = new Taking(context, demand);
  const unread = new Set<string>();
  let [reached, walked] = [0, 0];
  for (const span of readySpans(draft, lookup)) {
    const mayExpire = isDue('page' in span ? span : span.reference, now);
    if (reached >= demand && !mayExpire) break;
    if (mayExpire && walked >= limits.turnMessages) {
      taking.cutShort = true;
      break;
    }
    if ('page' in span) return { kind: 'needs', pages: [span.page], batches: [...unread] };
    if (mayExpire) walked += span.count;
    const batch = span.reference.level > 0 ? null : lookup.batch(span.reference.key);
    if (batch === undefined) unread.add(span.reference.key);
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
  readonly #missing: string[] = [];
  #drawn = 0;
  #expired = 0;
  #lost = 0;
  readonly #bytesMax: number;
  #bytes = 0;
  cutShort = false;

  constructor(context: Context, demand: number) {
    this.#context = context;
    this.#demand = demand;
    this.#bytesMax = turnBytes(context);
  }

  /** False once enough is taken. */
  take(span: Span, batch: readonly Message[] | null, mayExpire: boolean): boolean {
    if (batch === null) {
      this.#missing.push(span.reference.key);
      this.#lost += span.count;
      this.#drawn += span.count;
      return true;
    }
    for (let i = 0; i < span.count; i++) {
      const message = messageOf(span, i, batch);
      if (mayExpire && isExpired(message.message, this.#context.now)) this.#expired++;
      else if (!this.#add(message)) return false;
      this.#drawn++;
    }
    return true;
  }

  #add(planned: PlannedMessage): boolean {
    if (this.messages.length >= this.#demand) return false;
    const bytes = this.#bytes + planned.message.body.byteLength;
    if (this.#bytes > 0 && bytes > this.#bytesMax) {
      this.cutShort = true;
      return false;
    }
    this.messages.push(planned);
    this.#bytes = bytes;
    return true;
  }

  result(): Taken {
    const isFull = this.#demand > 0 && this.messages.length === this.#context.limits.turnMessages;
    const { messages } = this;
    const [drawn, expired, lost, missing] = [this.#drawn, this.#expired, this.#lost, this.#missing];
    return { kind: 'taken', messages, drawn, expired, lost, missing, cutShort: this.cutShort || isFull };
  }
}

function messageOf(span: Span, i: number, batch: readonly Message[]): PlannedMessage {
  const sequence = span.first + i;
  const index = span.reference.offset + sequence - span.reference.first;
  const { failures, transient, redelivered, reference } = span;
  const message = batch[index] as Message;
  return { sequence, attempt: span.attempt + 1, failures, transient, redelivered, key: reference.key, index, message };
}
