import type { Limits } from '../../lib/model/limits.ts';
import type { PushOutcome } from '../../lib/shard/conclude.ts';
import type { PlannedDelivery } from '../../lib/shard/deal.ts';
import type { Context } from '../../lib/shard/draft.ts';
import { readyCount, total } from '../../lib/shard/draft.ts';
import type { Entry } from '../../lib/shard/entry.ts';
import type { State } from '../../lib/shard/state.ts';
import type { Turn } from '../../lib/shard/turn.ts';
import type { Deliveries, Sent, Standing } from './shard-ledger.ts';

/** What happened so far, as the world around the shard knows it. */
export type History = {
  readonly sent: Map<number, Sent>;
  readonly deliveries: Deliveries;
  /** Messages that a consumer had, or may have had. */
  readonly handed: Set<number>;
  /** Those, and what else may rightly be flagged: told apart no longer, or within a dead master's reach. */
  readonly touched: Set<number>;
  /** Transient messages that a dead master may have pushed. */
  readonly over: Set<number>;
  /** The last first delivery, by consumer. */
  readonly latest: Map<number, number>;
  /** Where an entry's first attempt to arrive lies among all that were appended. */
  readonly appendedAt: Map<string, number>;
};

type Committed = { readonly state: State; readonly standings: ReadonlyMap<number, Standing> };

function must(holds: boolean, claim: string, ...details: unknown[]): asserts holds {
  if (!holds) throw new Error(`${claim}: ${JSON.stringify(details)}`);
}

/** What may be decided: real messages, to consumers with room, each to one, in order, flagged if they may be known. */
export function checkPlan(
  history: History,
  state: State,
  standings: ReadonlyMap<number, Standing>,
  entries: readonly Entry[],
  turn: Turn,
  context: Context,
): void {
  if (context.takeover) {
    history.latest.clear();
    allowSuspicion(history, state, standings, entries, turn, context);
  }
  const planned = new Set<number>();
  for (const { consumer, messages } of turn.deliveries) {
    must(messages.length > 0, 'a delivery has messages');
    for (const { sequence, attempt, redelivered, key, index, message } of messages) {
      const sent = history.sent.get(sequence);
      must(sent?.key === key && sent.index === index, 'a message is the one that was sent', sequence, key, index, sent);
      must(Buffer.from(message.body).toString() === `${key}/${index}`, 'its body is the one that was sent', key, index);
      must(!planned.has(sequence), 'a message goes to one consumer', sequence);
      must(!history.over.has(sequence), 'a transient message is never pushed again after a death', sequence);
      must(sent.expires === 0 || sent.expires > context.now, 'nothing is delivered that has expired', sequence);
      must(redelivered || !history.handed.has(sequence), 'what was handed out is flagged when it goes again', sequence);
      must(!redelivered || history.touched.has(sequence), 'what nobody can have had is not flagged', sequence);
      planned.add(sequence);
      if (attempt !== 1) continue;
      must(sequence > (history.latest.get(consumer.number) ?? 0), 'a consumer gets messages in order', sequence);
      history.latest.set(consumer.number, sequence);
    }
  }
  for (const { sequence, failures, message, key, index } of turn.deadLetters) {
    must(failures >= context.limits.deliveries, 'only what exhausted its deliveries is dead-lettered', sequence);
    must(Buffer.from(message.body).toString() === `${key}/${index}`, 'the dead letter is the message', key, index);
    must(!planned.has(sequence), 'a dead letter is delivered no more', sequence);
  }
}

/** A takeover may flag what the dead master can have pushed: no more than consumers had room for, and nothing else. */
function allowSuspicion(
  history: History,
  state: State,
  standings: ReadonlyMap<number, Standing>,
  entries: readonly Entry[],
  turn: Turn,
  { now }: Context,
): void {
  for (const [sequence, { pushing, transient }] of standings) {
    if (!pushing) continue;
    history.touched.add(sequence);
    if (transient) history.over.add(sequence);
  }
  const joined = entries.filter((entry) => entry.kind === 'join');
  const pushFirst = [...state.consumers.filter((c) => c.connection !== ''), ...joined].filter(
    (c) => c.ack !== 'client',
  );
  if (pushFirst.length === 0) return;
  let room = total([...state.consumers, ...joined].map(({ prefetch }) => ({ count: prefetch })));
  for (const entry of entries) {
    if (entry.kind === 'acknowledge' || entry.kind === 'reject') room += total(entry.deliveries);
    else if (entry.kind === 'receive') room += entry.max;
    else if (entry.kind.endsWith('-up-to') || entry.kind.endsWith('-message')) room += 4;
  }
  const due = new Set([...history.sent.values()].filter((m) => m.expires > 0 && m.expires <= now).map((m) => m.key));
  room += [...history.sent.values()].filter((m) => due.has(m.key)).length;
  const suspects = turn.draft.returned.concat(turn.draft.flights as never[]).flatMap((range) => {
    if (!range.redelivered) return [];
    return Array.from({ length: range.count }, (_, i) => range.first + i).filter((s) => !history.touched.has(s));
  });
  must(suspects.length <= room, 'a dead master pushed no more than there was room for', suspects, room);
  for (const sequence of suspects) {
    must(history.sent.get(sequence)?.transient === false, 'a transient message was never under suspicion', sequence);
    history.touched.add(sequence);
  }
}

/** Each message that is done has a reason; each that is not stands as before, or goes on as was planned. */
export function checkCommit(
  history: History,
  before: Committed,
  after: Committed,
  absorbed: readonly Entry[],
  turn: Turn,
  outcomes: ReadonlyMap<PlannedDelivery, PushOutcome>,
  context: Context,
): void {
  const { state, standings } = after;
  const { sent, acknowledged, deadLettered, expired, purged, dropped } = state.counts;
  const done = acknowledged + deadLettered + expired + purged + dropped;
  const inFlight = total(state.flights);
  must(sent === readyCount(state) + inFlight + done, 'what was sent is accounted for', state.counts, state);
  must(sent === state.next - 1, 'every message sent has a sequence', sent, state.next);
  must(standings.size === readyCount(state) + inFlight, 'what stands is ready or in flight', standings.size, state);
  const reasons = new Reasons(history, absorbed, turn, outcomes, context);
  for (let sequence = 1; sequence < state.next; sequence++) {
    const was = before.standings.get(sequence) ?? (sequence >= before.state.next ? fresh : undefined);
    const is = standings.get(sequence);
    if (!was) must(!is, 'what is done stays done', sequence, is);
    else if (!is) must(reasons.mayEnd(sequence, was), 'a message is lost', sequence, was, absorbed);
    else checkStep(history, sequence, was, is, reasons);
  }
  for (const consumer of state.consumers) {
    const mine = total(state.flights.filter((flight) => flight.consumer === consumer.number));
    must(mine <= consumer.prefetch, 'in flight never exceeds prefetch', consumer, mine);
  }
}

const fresh: Standing = {
  key: '',
  index: 0,
  consumer: 0,
  attempt: 0,
  failures: 0,
  transient: false,
  redelivered: false,
  suspect: false,
  pushing: false,
};

function checkStep(history: History, sequence: number, was: Standing, is: Standing, reasons: Reasons): void {
  const sent = history.sent.get(sequence);
  must(sent?.key === is.key && sent.index === is.index, 'a message keeps its body', sequence, sent, is);
  must(sent.transient === is.transient, 'a message keeps its persistence', sequence);
  must(is.redelivered || !was.redelivered, 'a flag stays', sequence, was, is);
  must(is.failures >= was.failures && is.attempt >= was.attempt, 'what a message went through stays', was, is);
  must(!reasons.mustEnd(sequence, was), 'what was acknowledged is done', sequence, was, is);
  const stays = is.consumer === was.consumer && is.attempt === was.attempt;
  must(is.consumer === 0 || stays || reasons.isPlanned(sequence, is), 'only a turn gives', sequence, was, is);
}

class Reasons {
  readonly #history: History;
  readonly #absorbed: readonly Entry[];
  readonly #context: Context;
  readonly #deadLetters: ReadonlySet<number>;
  readonly #planned = new Map<number, { consumer: number; isOver: boolean }>();

  constructor(
    history: History,
    absorbed: readonly Entry[],
    turn: Turn,
    outcomes: ReadonlyMap<PlannedDelivery, PushOutcome>,
    context: Context,
  ) {
    this.#history = history;
    this.#absorbed = absorbed;
    this.#context = context;
    this.#deadLetters = new Set(turn.deadLetters.map(({ sequence }) => sequence));
    for (const delivery of turn.deliveries) {
      const outcome = outcomes.get(delivery);
      const { consumer, messages } = delivery;
      for (const { sequence, transient } of messages) {
        const isOver = consumer.ack === 'auto' && (outcome === 'sent' || (outcome === 'unknown' && transient));
        this.#planned.set(sequence, { consumer: consumer.number, isOver });
      }
    }
  }

  isPlanned(sequence: number, is: Standing): boolean {
    return this.#planned.get(sequence)?.consumer === is.consumer;
  }

  mayEnd(sequence: number, was: Standing): boolean {
    const sent = this.#history.sent.get(sequence);
    if (this.#planned.get(sequence)?.isOver || this.#deadLetters.has(sequence)) return true;
    if (sent && sent.expires > 0 && sent.expires <= this.#context.now) return true;
    if (sent?.transient && was.pushing && this.#context.takeover) return true;
    return this.#isPurged(sequence, was) || this.#isAcknowledged(sequence, was);
  }

  /** Where nothing but acknowledgements came in, each of them counts. */
  mustEnd(sequence: number, was: Standing): boolean {
    const only = this.#absorbed.every(({ kind }) => kind === 'acknowledge');
    return (
      only && was.consumer > 0 && !was.pushing && this.#context.epoch === 'e1' && this.#isAcknowledged(sequence, was)
    );
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
    const attempts = was.consumer > 0 || was.suspect ? [was.attempt] : [];
    if (this.#context.takeover) attempts.push(was.attempt + 1);
    return this.#absorbed.some(
      (entry) =>
        entry.kind.startsWith('acknowledge') &&
        attempts.some((attempt) => deliveries.covers(entry, sequence, attempt, sequenceOf)),
    );
  }
}

/** What a head holds stays small, and nothing is kept that nobody needs. */
export function checkBounds(state: State, limits: Limits): void {
  const { references, held, flights, returned, consumers } = state;
  let run = 0;
  references.forEach(({ level }, i) => {
    run = i > 2 && level === references[i - 1]?.level ? run + 1 : 1;
    must(run < limits.referencesPerLevel || i < 2, 'references of one level roll up', references);
  });
  const cursor = references[0]?.first ?? state.next;
  for (const { first, count } of held) {
    const isLive = [...flights, ...returned].some(
      (range) => range.first < first + count && range.first + range.count > first,
    );
    must(isLive || first + count > cursor, 'held references that nobody needs are let go', first, count);
  }
  for (const { connection, number } of consumers) {
    const isBusy = flights.some((flight) => flight.consumer === number);
    must(connection !== '' || isBusy, 'a pull goes with the last of its deliveries', number);
  }
  for (const { consumer } of flights) {
    must(
      consumers.some(({ number }) => number === consumer),
      'a delivery has a consumer',
      consumer,
    );
  }
  must(total(flights) <= limits.inFlightPerShard, 'a shard holds so many in flight and no more', flights);
  must(state.recent.length <= 16 && state.repeated.length <= 32 && state.sources.length <= 8, 'memory is bounded');
}
