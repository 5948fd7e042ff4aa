import type { AckMode, OutgoingMessage } from '../../lib/model/message.ts';
import { encodeBatch } from '../../lib/shard/codec/batch.ts';
import type { DeliveryRange, Entry, LeaveReason, OnwardPart, Requeue, Run } from '../../lib/shard/codec/entry.ts';
import type { PlannedDelivery } from '../../lib/shard/plan/deal.ts';
import type { Command, Requeuing } from './shard-commands.ts';
import type { Given, Sent } from './shard-ledger.ts';
import type { World } from './shard-world.ts';

/**
 * Those who send to a shard, the shards that forward to it, and its consumers, which come and go. All of them repeat
 * what they do not know to have arrived.
 */
export class Clients {
  readonly #world: World;
  /** The ids of all consumers that ever joined, in their order. */
  readonly #consumers: string[] = [];
  readonly #given: Given[] = [];
  /** Deliveries by sequence and attempt. */
  readonly #rejected = new Set<string>();
  /** The last message that each other shard gave up. */
  readonly #sources = [0, 0, 0];
  /** The number of the first message that came from each. */
  readonly #firsts = new Map<number, number>();
  /** Messages of other shards that came, by source and number. */
  readonly #forwarded = new Set<string>();

  constructor(world: World) {
    this.#world = world;
  }

  send({ messages, repeatFirst }: Command & { do: 'send' }): void {
    const { now } = this.#world;
    const drawn = messages.map(({ transient, livesMs }) => ({ transient, expires: livesMs && now + livesMs }));
    const runs: Run[] = [];
    for (const { transient, expires } of drawn) {
      const last = runs.at(-1);
      if (last?.transient !== transient) runs.push({ transient, expires, count: 1 });
      else {
        const earliest = last.expires && expires ? Math.min(last.expires, expires) : last.expires + expires;
        runs[runs.length - 1] = { transient, expires: earliest, count: last.count + 1 };
      }
    }
    const key = this.#bring('batch', drawn);
    for (const [index, message] of drawn.entries()) this.#expect({ ...message, key, index }, repeatFirst);
    this.#world.append({ kind: 'send', key, runs, born: Math.floor(now / 1000) }, repeatFirst ? 2 : 1);
  }

  /** Another shard's master gives messages up; the last ones of the one before, too, if that died in between. */
  forward({ source, again, fresh, gap }: Command & { do: 'forward' }): void {
    const last = this.#sources[source] ?? 0;
    const all = Array.from({ length: again + fresh }, (_, i) => last - again + i + 1 + (i >= again ? gap : 0));
    const numbers = all.filter((number) => number > 0);
    if (numbers.length === 0) return;
    this.#sources[source] = Math.max(last, ...numbers);
    const message = { transient: false, expires: 0 };
    const key = this.#bring(
      'forward',
      numbers.map(() => message),
    );
    numbers.forEach((number, index) => {
      const mark = `${source}:${number}`;
      if (this.#forwarded.has(mark)) return;
      this.#forwarded.add(mark);
      const first = this.#firsts.get(source) ?? number;
      this.#firsts.set(source, first);
      // One that comes after a later one was held up on its way.
      this.#expect({ ...message, key, index }, number < first);
    });
    const born = Math.floor(this.#world.now / 1000);
    this.#world.append({ kind: 'forward', key, source: `source${source}`, numbers, born });
  }

  /** Puts the bodies of what is appended next. @returns their key */
  #bring(kind: string, messages: readonly { readonly transient: boolean; readonly expires: number }[]): string {
    const key = `${kind}-${this.#world.requests}`;
    const outgoing = messages.map(({ transient, expires }, index): OutgoingMessage => {
      const headers = { ...(transient && { persistent: 'false' }), ...(expires > 0 && { expires: String(expires) }) };
      return { body: Buffer.from(`${key}/${index}`), text: true, headers };
    });
    this.#world.write(key, encodeBatch(outgoing, this.#world.now));
    return key;
  }

  #expect(message: Omit<Sent, 'sequence' | 'appended'>, mayBeRepeat: boolean): void {
    const { history, log } = this.#world;
    const sequence = history.sent.size + 1;
    history.sent.set(sequence, { ...message, sequence, appended: log.length });
    if (mayBeRepeat) history.touched.add(sequence);
  }

  /** The same entry once more, as if its reply had been lost; or its first attempt, late. */
  repeat(pick: number): void {
    const entry = this.#world.log.at(-1 - pick);
    if (entry?.kind === 'forward') this.#forwardAgain(entry);
    else if (entry) this.#world.put({ ...entry, attempt: entry.attempt === 1 ? 2 : 1 });
  }

  /** Whoever forwards again brings the bodies anew. */
  #forwardAgain({ key: before, source, numbers, born }: Entry & { kind: 'forward' }): void {
    const message = { transient: false, expires: 0 };
    const key = this.#bring(
      'again',
      numbers.map(() => message),
    );
    if (before !== key) this.#world.append({ kind: 'forward', key, source, numbers, born }, 2);
  }

  join(ack: AckMode, prefetch: number): void {
    const connection = `${this.#world.epoch}-connection`;
    this.#consumers.push(this.#world.append({ kind: 'join', connection, subscription: 's', ack, prefetch }));
  }

  leave(pick: number, reason: LeaveReason): void {
    const consumer = this.#consumers.at(-1 - pick);
    if (consumer) this.#world.append({ kind: 'leave', consumer, reason });
  }

  /** All that ever joined, whether they left before or not. */
  leaveAll(): void {
    for (const consumer of this.#consumers) this.#world.append({ kind: 'leave', consumer, reason: 'unsubscribed' });
  }

  /** A pull: what it gets is its own for so long. */
  receive(max: number, visibilityMs: number): void {
    this.#world.append({ kind: 'receive', max, deadline: this.#world.now + visibilityMs });
  }

  purge(): void {
    this.#world.append({ kind: 'purge' });
  }

  settle({ verb, picks, forMs, requeue: asked }: Command & { do: 'settle' }): void {
    const given = picks.flatMap((pick) => this.#given.at(-1 - pick) ?? []);
    const deliveries = given.map(({ sequence, attempt }): DeliveryRange => ({ first: sequence, count: 1, attempt }));
    const [one] = given;
    if (!one) return;
    const { incarnation, consumers } = this.#world.state;
    const requeue = this.#requeueOf(asked, forMs);
    switch (verb) {
      case 'acknowledge':
        this.#world.append({ kind: verb, incarnation, deliveries });
        return;
      case 'reject':
        for (const one of given) this.#reject(one, asked);
        this.#world.append({ kind: verb, incarnation, deliveries, ...requeue });
        return;
      case 'extend':
        this.#world.append({ kind: verb, incarnation, deliveries, deadline: this.#world.now + forMs });
        return;
      case 'acknowledge-up-to':
      case 'reject-up-to':
        if (verb === 'reject-up-to') this.#rejectUpTo(one, asked);
        this.#world.append({
          ...{ kind: verb, incarnation, sequence: one.sequence, deliveryAttempt: one.attempt },
          ...(verb === 'reject-up-to' ? requeue : {}),
        });
        return;
      case 'acknowledge-message':
      case 'reject-message': {
        // An id names no delivery: who has rejected this one, and names the message again, means the next.
        if (this.#rejected.has(`${one.sequence} ${one.attempt}`)) return;
        if (verb === 'reject-message') this.#rejectUpTo(one, asked);
        const { id: consumer = 'nobody', ack } = consumers.find(({ number }) => number === one.consumer) ?? {};
        const { key = '', index = 0 } = this.#world.history.sent.get(one.sequence) ?? {};
        const upTo = ack === 'client';
        this.#world.append({
          ...{ kind: verb, consumer, key, index, upTo },
          ...(verb === 'reject-message' ? requeue : {}),
        });
        return;
      }
    }
  }

  /** Ends some of what was given, and sends to other shards, all of it or nothing. */
  transact({ picks, rejects, sends }: Command & { do: 'transact' }): void {
    const { now, state, history } = this.#world;
    const given = new Set(picks.flatMap((nth) => this.#given.at(-1 - nth) ?? []));
    const deliveries = [...given].map(
      ({ sequence, attempt }): DeliveryRange => ({ first: sequence, count: 1, attempt }),
    );
    if (rejects) for (const { sequence, attempt } of given) this.#rejected.add(`${sequence} ${attempt}`);
    const kind = rejects ? 'reject' : 'acknowledge';
    const settles = deliveries.length > 0 ? [{ kind, incarnation: state.incarnation, deliveries } as const] : [];
    const message = { transient: false, expires: 0 };
    const all = sends.flatMap(({ count }) => Array(count).fill(message));
    const key = all.length > 0 ? this.#bring('sends', all) : '';
    let offset = 0;
    const onward = sends.map(({ target, count }): OnwardPart => {
      offset += count;
      return { target: `target${target}`, key, offset: offset - count, count };
    });
    const request = { kind: 'transact', begun: now, connection: '', settles, own: [], onward } as const;
    const id = this.#world.append(request);
    history.transactions.ask(id, { id, attempt: 1, ...request });
  }

  #requeueOf(asked: Requeuing, forMs: number): { readonly requeue?: Requeue } {
    if (asked === 'now') return {};
    return { requeue: asked === 'never' ? asked : this.#world.now + forMs };
  }

  #reject({ sequence, attempt }: Given, asked: Requeuing): void {
    this.#rejected.add(`${sequence} ${attempt}`);
    if (asked === 'never') this.#world.history.refused.add(sequence);
  }

  #rejectUpTo(last: Given, asked: Requeuing): void {
    const upTo = this.#given.slice(0, this.#given.indexOf(last) + 1);
    for (const one of upTo) if (one.consumer === last.consumer) this.#reject(one, asked);
  }

  /** The one consumer that is connected acknowledges all that it has. */
  acknowledgeAll(): void {
    const { incarnation, consumers, flights } = this.#world.state;
    const [consumer] = consumers.filter(({ connection }) => connection !== '');
    const mine = flights.filter((flight) => flight.consumer === consumer?.number);
    const deliveries = mine.map(({ first, count, attempt }) => ({ first, count, attempt }));
    if (deliveries.length > 0) this.#world.append({ kind: 'acknowledge', incarnation, deliveries });
  }

  /** A push arrives, or the reply to a pull. */
  deliver({ consumer, messages }: PlannedDelivery): void {
    const { history } = this.#world;
    for (const { sequence, attempt } of messages) {
      const given = { sequence, attempt, consumer: consumer.number };
      this.#given.push(given);
      history.deliveries.add(given);
      history.handed.add(sequence);
      history.touched.add(sequence);
    }
  }

  /** The consumer acknowledges a delivery as soon as it has it. */
  answer({ consumer, messages }: PlannedDelivery): void {
    const last = messages.at(-1);
    if (!last || consumer.ack === 'auto') return;
    const { incarnation } = this.#world.state;
    if (consumer.ack === 'client') {
      const { sequence, attempt: deliveryAttempt } = last;
      this.#world.append({ kind: 'acknowledge-up-to', incarnation, sequence, deliveryAttempt });
    } else {
      const deliveries = messages.map(({ sequence, attempt }) => ({ first: sequence, count: 1, attempt }));
      this.#world.append({ kind: 'acknowledge', incarnation, deliveries });
    }
  }
}
