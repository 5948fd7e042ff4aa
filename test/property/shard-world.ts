import { deepStrictEqual } from 'node:assert/strict';
import { type Limits, localLimits } from '../../lib/model/limits.ts';
import type { Message, OutgoingMessage } from '../../lib/model/message.ts';
import { decodeBatch, encodeBatch } from '../../lib/shard/batch.ts';
import type { PushOutcome } from '../../lib/shard/conclude.ts';
import type { PlannedDelivery } from '../../lib/shard/deal.ts';
import type { Context, Lookup, Needs } from '../../lib/shard/draft.ts';
import {
  type DeliveryRange,
  decodeEntry,
  type Entry,
  encodeEntry,
  type Request,
  type Run,
} from '../../lib/shard/entry.ts';
import { decodePage, type Reference } from '../../lib/shard/reference.ts';
import { emptyState, type State } from '../../lib/shard/state.ts';
import { decodeState, encodeState } from '../../lib/shard/state-codec.ts';
import { type Settled, settle, type Turn, takeTurn } from '../../lib/shard/turn.ts';
import { viewOf } from '../../lib/shard/view.ts';
import type { Bounds, Command, TakeTurn } from './shard-commands.ts';
import { checkBounds, checkCommit, checkPlan, type History } from './shard-invariants.ts';
import { Deliveries, type Given, type Sent, type Standing, standingsOf } from './shard-ledger.ts';

type Appended = { readonly entry: Entry };

/**
 * One shard, its inbox and its items, with masters that die, consumers that come and go, and a client that repeats
 * what it does not know to have arrived. Every commit is checked against what was sent, given and answered.
 */
export class World {
  readonly limits: Limits;
  state: State = emptyState('incarn');
  standings: ReadonlyMap<number, Standing> = new Map();
  #now = 1_700_000_000_000;
  #epoch = 'e1';
  #turns = 0;
  #ids = 0;
  #inbox: Uint8Array[] = [];
  #wakeAt: number | undefined;
  #seen = 0;
  /** The master before died: its lease is still there. */
  #takeover = false;
  readonly #items = new Map<string, Uint8Array>();
  readonly #discarded = new Set<string>();
  readonly #log: Appended[] = [];
  readonly #consumers: string[] = [];
  readonly #given: Given[] = [];
  readonly #sources = [0, 0, 0];
  readonly #taken = new Set<string>();
  readonly history: History = {
    sent: new Map(),
    deliveries: new Deliveries(),
    handed: new Set(),
    touched: new Set(),
    over: new Set(),
    latest: new Map(),
    appendedAt: new Map(),
  };

  constructor(bounds: Bounds) {
    this.limits = { ...localLimits, ...bounds };
  }

  act(command: Command): void {
    switch (command.do) {
      case 'send':
        this.#send(command);
        return;
      case 'forward':
        this.#forward(command);
        return;
      case 'join':
        this.join(command.ack, command.prefetch);
        return;
      case 'leave': {
        const consumer = this.#consumers.at(-1 - command.pick);
        if (consumer) this.#append({ kind: 'leave', consumer, reason: command.reason });
        return;
      }
      case 'settle':
        this.#settleSome(command);
        return;
      case 'receive':
        this.#append({ kind: 'receive', max: command.max, deadline: this.#now + command.visibilityMs });
        return;
      case 'purge':
        this.#append({ kind: 'purge' });
        return;
      case 'repeat':
        this.#repeat(command.pick);
        return;
      case 'tick':
        this.#now += command.ms;
        return;
      case 'restart':
        this.#epoch = `e${Number(this.#epoch.slice(1)) + 1}`;
        return;
      case 'turn':
        this.turn(command);
        return;
    }
  }

  join(ack: 'auto' | 'client' | 'client-individual', prefetch: number): void {
    const connection = `${this.#epoch}-connection`;
    this.#append({ kind: 'join', connection, subscription: 's', ack, prefetch });
    this.#consumers.push(this.#log.at(-1)?.entry.id ?? '');
  }

  /** Ends the story well: one healthy consumer takes all there is, until nothing is left. */
  drain(): void {
    for (const consumer of this.#consumers) this.#append({ kind: 'leave', consumer, reason: 'unsubscribed' });
    this.join('client-individual', 3);
    for (let turns = 0; turns < 1000; turns++) {
      this.turn({ do: 'turn', leaves: 0, outcomes: ['sent'], early: turns % 2 === 0, death: undefined });
      const [consumer] = this.state.consumers.filter(({ connection }) => connection !== '');
      const mine = this.state.flights.filter((flight) => flight.consumer === consumer?.number);
      const deliveries = mine.map(({ first, count, attempt }) => ({ first, count, attempt }));
      if (deliveries.length > 0) this.#append({ kind: 'acknowledge', incarnation: 'incarn', deliveries });
      if (this.standings.size === 0 && this.#inbox.length === 0) {
        this.#checkEmpty();
        return;
      }
      this.#now += 1000;
    }
    throw new Error(`never drained: ${JSON.stringify(this.state)}`);
  }

  #checkEmpty(): void {
    const { references, held, flights, returned, consumers } = this.state;
    deepStrictEqual({ references, held, flights, returned }, { references: [], held: [], flights: [], returned: [] });
    deepStrictEqual(consumers.length, 1);
    // What a purged page lists, a batch of several runs, and what may be a second copy are left to their expiry.
    if (this.#log.some(({ entry }) => entry.kind === 'purge')) return;
    const left = [...this.#items.keys()].filter((key) => !key.startsWith('mixed'));
    deepStrictEqual(left, [], 'bodies that nothing needs stay for ever');
  }

  #append(request: Request, attempt = 1): void {
    const id = `${String(++this.#ids).padStart(8, '0')}-of-this`;
    this.#put({ id, attempt, ...request } as Entry);
  }

  #put(entry: Entry): void {
    if (!this.history.appendedAt.has(entry.id)) this.history.appendedAt.set(entry.id, this.#log.length);
    this.#log.push({ entry });
    this.#inbox.push(encodeEntry(entry));
  }

  #send({ messages, repeatFirst }: Command & { do: 'send' }): void {
    const drawn = messages.map(({ transient, livesMs }) => ({ transient, expires: livesMs && this.#now + livesMs }));
    const runs: Run[] = [];
    for (const { transient, expires } of drawn) {
      const last = runs.at(-1);
      if (last?.transient !== transient) runs.push({ transient, expires, count: 1 });
      else {
        const earliest = last.expires && expires ? Math.min(last.expires, expires) : last.expires + expires;
        runs[runs.length - 1] = { transient, expires: earliest, count: last.count + 1 };
      }
    }
    const key = `${runs.length > 1 || repeatFirst ? 'mixed' : 'plain'}-${this.#ids}`;
    this.#bring(key, drawn);
    for (const [index, message] of drawn.entries()) this.#expect({ ...message, key, index }, repeatFirst);
    this.#append({ kind: 'send', key, runs, born: Math.floor(this.#now / 1000) }, repeatFirst ? 2 : 1);
  }

  /** Another shard's master gives messages up; the last ones of the one before, too, if that died in between. */
  #forward({ source, again, fresh, gap }: Command & { do: 'forward' }): void {
    const last = this.#sources[source] ?? 0;
    const numbers = Array.from({ length: again + fresh }, (_, i) => last - again + i + 1 + (i >= again ? gap : 0));
    const real = numbers.filter((number) => number > 0);
    if (real.length === 0) return;
    this.#sources[source] = Math.max(last, ...real);
    const key = `${real.length > 1 ? 'mixed' : 'plain-forward'}-${this.#ids}`;
    this.#bring(
      key,
      real.map(() => ({ transient: false, expires: 0 })),
    );
    let news = 0;
    real.forEach((number, index) => {
      const mark = `${source}:${number}`;
      if (this.#taken.has(mark)) return;
      this.#taken.add(mark);
      news++;
      this.#expect({ key, index, transient: false, expires: 0 }, false);
    });
    if (news === 0) this.#items.delete(key);
    this.#append({
      kind: 'forward',
      key,
      source: `source${source}`,
      numbers: real,
      born: Math.floor(this.#now / 1000),
    });
  }

  #bring(key: string, messages: readonly { readonly transient: boolean; readonly expires: number }[]): void {
    const outgoing = messages.map(({ transient, expires }, index): OutgoingMessage => {
      const headers = { ...(transient && { persistent: 'false' }), ...(expires > 0 && { expires: String(expires) }) };
      return { body: Buffer.from(`${key}/${index}`), text: true, headers };
    });
    this.#items.set(key, encodeBatch(outgoing, this.#now));
  }

  #expect(message: Omit<Sent, 'sequence' | 'appended'>, mayBeRepeat: boolean): void {
    const sequence = this.history.sent.size + 1;
    this.history.sent.set(sequence, { ...message, sequence, appended: this.#log.length });
    if (mayBeRepeat) this.history.touched.add(sequence);
  }

  /** The same entry once more, as if its reply had been lost; or its first attempt, late. */
  #repeat(pick: number): void {
    const appended = this.#log.at(-1 - pick);
    if (appended) this.#put({ ...appended.entry, attempt: appended.entry.attempt === 1 ? 2 : 1 });
  }

  #settleSome({ verb, picks, forMs }: Command & { do: 'settle' }): void {
    const given = picks.flatMap((pick) => this.#given.at(-1 - pick) ?? []);
    const deliveries = given.map(({ sequence, attempt }): DeliveryRange => ({ first: sequence, count: 1, attempt }));
    const [one] = given;
    if (!one) return;
    const sent = this.history.sent.get(one.sequence);
    const incarnation = 'incarn';
    switch (verb) {
      case 'acknowledge':
      case 'reject':
        this.#append({ kind: verb, incarnation, deliveries });
        return;
      case 'extend':
        this.#append({ kind: verb, incarnation, deliveries, deadline: this.#now + forMs });
        return;
      case 'acknowledge-up-to':
      case 'reject-up-to':
        this.#append({ kind: verb, incarnation, sequence: one.sequence, deliveryAttempt: one.attempt });
        return;
      case 'acknowledge-message':
      case 'reject-message': {
        const consumer = this.state.consumers.find(({ number }) => number === one.consumer)?.id ?? 'nobody';
        const { key = '', index = 0 } = sent ?? {};
        this.#append({ kind: verb, consumer, key, index, upTo: forMs % 2 === 0 });
        return;
      }
    }
  }

  turn({ leaves, outcomes, early, death }: TakeTurn): void {
    // A successor sees at least what the dead master saw.
    this.#seen = Math.max(this.#seen, this.#inbox.length - leaves, 0);
    const entries = this.#inbox.slice(0, this.#seen).map(decodeEntry);
    const pageKey = `page${++this.#turns}`;
    const { limits } = this;
    const context: Context = {
      now: this.#now,
      limits,
      takeover: this.#takeover,
      epoch: this.#epoch,
      deadLetters: true,
      audience: undefined,
      pageKey,
    };
    viewOf(this.state, entries, context);
    const turn = this.#decide(entries, context);
    checkPlan(this.history, this.state, this.standings, entries, turn, context);
    this.#takeover = true;
    if (death === 'before-push') return;
    const pushes = turn.deliveries.filter(({ consumer }) => consumer.connection !== '');
    const first = pushes.filter(({ commitFirst }) => !commitFirst);
    const late = pushes.filter(({ commitFirst }) => commitFirst);
    const pushed = this.#push(first, outcomes, early);
    if (death === 'after-push') return;
    this.#commit(settle(turn.draft, pushed, context), entries, turn, pushed, context);
    for (const delivery of turn.deliveries) if (delivery.consumer.connection === '') this.#give(delivery);
    if (death === 'after-commit') return;
    if (late.length > 0) {
      const pushedLate = this.#push(late, outcomes, early);
      if (death === 'after-late-push') return;
      this.#commit(settle(turn.draft, pushedLate, context), [], turn, pushedLate, context);
    }
    this.#takeover = false;
    if (!turn.more) this.#checkSleep(context);
  }

  #decide(entries: readonly Entry[], context: Context): Turn {
    const pages = new Map<string, readonly Reference[]>();
    const batches = new Map<string, readonly Message[]>();
    const lookup: Lookup = { page: (key) => pages.get(key), batch: (key) => batches.get(key) };
    for (let rounds = 0; rounds < 1000; rounds++) {
      const decided: Turn | Needs = takeTurn(this.state, entries, lookup, context);
      if (decided.kind === 'turn') return decided;
      for (const key of decided.pages) pages.set(key, this.#page(key));
      for (const key of decided.batches) batches.set(key, decodeBatch(key, this.#read(key)));
    }
    throw new Error('the turn asks for ever');
  }

  #read(key: string): Uint8Array {
    const bytes = this.#items.get(key);
    if (!bytes)
      throw new Error(`${key} is needed, and ${this.#discarded.has(key) ? 'discarded' : 'was never written'}`);
    return Uint8Array.from(bytes);
  }

  #page(key: string): readonly Reference[] {
    return decodePage(key, this.#read(key));
  }

  #push(
    deliveries: readonly PlannedDelivery[],
    outcomes: readonly PushOutcome[],
    early: boolean,
  ): Map<PlannedDelivery, PushOutcome> {
    const results = new Map<PlannedDelivery, PushOutcome>();
    deliveries.forEach((delivery, i) => {
      const outcome = outcomes[i % outcomes.length] ?? 'sent';
      results.set(delivery, outcome);
      if (outcome === 'gone' || outcome === 'unsent') return;
      this.#give(delivery);
      if (early) this.#answer(delivery);
    });
    return results;
  }

  #give({ consumer, messages }: PlannedDelivery): void {
    for (const { sequence, attempt } of messages) {
      const given = { sequence, attempt, consumer: consumer.number };
      this.#given.push(given);
      this.history.deliveries.add(given);
      this.history.handed.add(sequence);
      this.history.touched.add(sequence);
    }
  }

  #answer({ consumer, messages }: PlannedDelivery): void {
    const last = messages.at(-1);
    if (!last || consumer.ack === 'auto') return;
    const incarnation = 'incarn';
    const deliveries = messages.map(({ sequence, attempt }) => ({ first: sequence, count: 1, attempt }));
    if (consumer.ack === 'client') {
      this.#append({ kind: 'acknowledge-up-to', incarnation, sequence: last.sequence, deliveryAttempt: last.attempt });
    } else this.#append({ kind: 'acknowledge', incarnation, deliveries });
  }

  #commit(
    settled: Settled,
    absorbed: readonly Entry[],
    turn: Turn,
    outcomes: ReadonlyMap<PlannedDelivery, PushOutcome>,
    context: Context,
  ): void {
    const bytes = Uint8Array.from(encodeState(settled.state));
    const state = freeze(decodeState(bytes));
    deepStrictEqual(state, settled.state, 'the codec lost something');
    for (const { key, bytes: page } of settled.pages) {
      if (this.#items.has(key)) throw new Error(`page ${key} exists already`);
      this.#items.set(key, page);
    }
    for (const key of settled.discard) {
      this.#items.delete(key);
      this.#discarded.add(key);
    }
    const before = this.standings;
    const standings = standingsOf(state, (key) => this.#page(key));
    for (const { key } of standings.values()) this.#read(key);
    checkCommit(
      this.history,
      { state: this.state, standings: before },
      { state, standings },
      absorbed,
      turn,
      outcomes,
      context,
    );
    checkBounds(state, this.limits);
    this.state = state;
    this.standings = standings;
    this.#wakeAt = settled.wakeAt;
    this.#inbox = this.#inbox.slice(absorbed.length);
    this.#seen = 0;
  }

  /** The lease is given up: what can be done has a wake-up, and a wake-up that is due has something to do. */
  #checkSleep(context: Context): void {
    if (this.#inbox.length > 0) return;
    const again = { ...context, takeover: false, pageKey: 'unused' };
    const turn = this.#decide([], again);
    const hasWork = turn.deliveries.length > 0 || turn.deadLetters.length > 0;
    const { state } = settle(turn.draft, new Map(), again);
    const isIdle = Buffer.compare(encodeState(state), encodeState(this.state)) === 0;
    const wakeAt = this.#wakeAt ?? Number.POSITIVE_INFINITY;
    if (hasWork && wakeAt > context.now + 60_000) throw new Error('work is left, and nothing will wake the shard');
    if (wakeAt <= context.now && isIdle)
      throw new Error('the shard wakes at once, again and again, with nothing to do');
  }
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) freeze(part);
  }
  return value;
}
