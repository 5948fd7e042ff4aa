import type { DeliveryRange, Entry, Request } from '../../lib/shard/codec/entry.ts';
import type { Context } from '../../lib/shard/state/draft.ts';
import { endOf } from '../../lib/shard/state/ranges.ts';
import type { Outcomes, Turn } from '../../lib/shard/turn.ts';
import type { History, Standing } from './shard-ledger.ts';
import { FIRST_EPOCH } from './shard-world.ts';

/** Why a message may be done, or must be, once a commit has absorbed these entries. */
export class Reasons {
  readonly #history: History;
  readonly #absorbed: readonly Entry[];
  readonly #context: Context;
  readonly #forwarded: ReadonlySet<number>;
  readonly #planned = new Map<number, { consumer: number; isOver: boolean }>();

  constructor(history: History, absorbed: readonly Entry[], turn: Turn, outcomes: Outcomes, context: Context) {
    this.#history = history;
    this.#absorbed = absorbed;
    this.#context = context;
    const taken = (outcomes.forwarded ?? []).filter(({ outcome }) => outcome === 'taken');
    const letters = taken.flatMap(({ forward }) => (forward.target === undefined ? forward.messages : []));
    this.#forwarded = new Set(letters.map(({ sequence }) => sequence));
    for (const delivery of turn.deliveries) {
      const outcome = outcomes.pushed.get(delivery);
      const { consumer, messages } = delivery;
      for (const { sequence, transient } of messages) {
        const isDone = consumer.ack === 'auto' && (outcome === 'sent' || (outcome === 'unknown' && transient));
        const isOver = isDone || outcomes.expired?.has(sequence) === true;
        this.#planned.set(sequence, { consumer: consumer.number, isOver });
      }
    }
  }

  isPlanned(sequence: number, is: Standing): boolean {
    return this.#planned.get(sequence)?.consumer === is.consumer;
  }

  mayEnd(sequence: number, was: Standing): boolean {
    const sent = this.#history.sent.get(sequence);
    if (this.#planned.get(sequence)?.isOver || this.#forwarded.has(sequence)) return true;
    if (sent && sent.expires > 0 && sent.expires <= this.#context.now) return true;
    if (sent?.transient && this.#mayBeOver(sequence, was)) return true;
    return this.#isPurged(sequence, was) || this.#isAcknowledged(sequence, was);
  }

  /** Nobody knows whether it arrived, or what its consumer said of it, and it is not to be pushed twice. */
  #mayBeOver(sequence: number, was: Standing): boolean {
    if (this.#history.unheard.has(sequence) || (was.pushing && this.#context.takeover)) return true;
    const isOfAnother = was.consumer > 0 && this.#context.epoch !== FIRST_EPOCH;
    // An answer by message id may leave open what else it was of.
    const isLeft = was.isLeft || this.#absorbed.some((entry) => 'upTo' in entry && entry.upTo);
    return isOfAnother || isLeft || this.#absorbed.some(({ kind }) => kind === 'reject-message');
  }

  /** Where nothing but acknowledgements came in, each of them counts. */
  mustEnd(sequence: number, was: Standing): boolean {
    const only = this.#absorbed.every(({ kind }) => kind === 'acknowledge');
    return only && was.consumer > 0 && !was.pushing && this.#isAcknowledged(sequence, was);
  }

  /** Where nothing but rejections for good came in, each of them counts, but for what a dead master may have sent out again. */
  mustLeave(sequence: number, was: Standing): boolean {
    const only = this.#absorbed.every((entry) => entry.kind === 'reject' && entry.requeue === 'never');
    return only && this.#isRejected(sequence, was);
  }

  /** Where one rejection for a while came in, and nothing else: until when. Else 0. */
  waitsUntil(sequence: number, was: Standing): number {
    const [one, other] = this.#absorbed;
    if (one?.kind !== 'reject' || other || typeof one.requeue !== 'number') return 0;
    return one.requeue > this.#context.now && this.#isRejected(sequence, was) ? one.requeue : 0;
  }

  #isRejected(sequence: number, { attempt, consumer }: Standing): boolean {
    if (consumer === 0 || this.#context.takeover) return false;
    const isThis = (d: DeliveryRange) => d.attempt === attempt && sequence >= d.first && sequence < endOf(d);
    return this.#absorbed.some((entry) => entry.kind === 'reject' && entry.deliveries.some(isThis));
  }

  #isPurged(sequence: number, was: Standing): boolean {
    const arrived = this.#history.sent.get(sequence)?.appended ?? 0;
    const isLater = (entry: Entry) => (this.#history.appendedAt.get(entry.id) ?? 0) > arrived;
    const wasReady = was.consumer === 0 || (was.pushing && this.#context.takeover);
    return wasReady && this.#absorbed.some((entry) => entry.kind === 'purge' && isLater(entry));
  }

  #isAcknowledged(sequence: number, was: Standing): boolean {
    const { deliveries, sent } = this.#history;
    const sequenceOf = (key: string, index: number) =>
      [...sent.values()].find((message) => message.key === key && message.index === index)?.sequence ?? 0;
    const attempts = was.consumer > 0 || was.suspect || was.lost ? [was.attempt] : [];
    if (was.suspect) attempts.push(was.attempt - 1);
    // What is under suspicion may have gone out once more.
    if (this.#context.takeover) attempts.push(was.attempt, was.attempt + (was.pushing ? -1 : 1));
    return this.#absorbed
      .flatMap((entry) => this.#settlesOf(entry))
      .some(
        (settle) =>
          settle.kind.startsWith('acknowledge') &&
          attempts.some((attempt) => deliveries.covers(settle, sequence, attempt, sequenceOf)),
      );
  }

  /** What it says of deliveries, if that counts. */
  #settlesOf(entry: Entry): readonly Request[] {
    if (entry.kind !== 'transact') return [entry];
    return this.#history.transactions.isCommitted(entry) ? entry.settles : [];
  }
}
