import type { Limits } from '../../lib/model/limits.ts';
import type { Entry } from '../../lib/shard/codec/entry.ts';
import { type Context, readyCount, total } from '../../lib/shard/state/draft.ts';
import type { State } from '../../lib/shard/state/state.ts';
import type { Outcomes, Turn } from '../../lib/shard/turn.ts';
import { must } from '../simulation/checks/violation.ts';
import type { History, Standing } from './shard-ledger.ts';
import { Reasons } from './shard-reasons.ts';

const OUTGOING_BYTES = 14;

type Committed = { readonly state: State; readonly standings: ReadonlyMap<number, Standing> };

/** Each message that is done has a reason; each that is not stands as before, or goes on as was planned. */
export function checkCommit(
  history: History,
  before: Committed,
  after: Committed,
  absorbed: readonly Entry[],
  turn: Turn,
  outcomes: Outcomes,
  context: Context,
): void {
  const { state, standings } = after;
  const { sent, acknowledged, deadLettered, expired, purged, dropped } = state.counts;
  const done = acknowledged + deadLettered + expired + purged + dropped;
  const live = readyCount(state) + total(state.flights) + total(state.delayed) + total(state.outgoing);
  must(state.apart.length === 0, 'no body is missing', state.apart);
  must(sent === live + done, 'what was sent is accounted for', state.counts, state);
  must(sent === state.next - 1, 'every message sent has a sequence', sent, state.next);
  must(standings.size === live, 'what stands is ready, in flight, delayed or outgoing', standings.size, state);
  const reasons = new Reasons(history, absorbed, turn, outcomes, context);
  for (let sequence = 1; sequence < state.next; sequence++) {
    const was = before.standings.get(sequence) ?? (sequence >= before.state.next ? fresh : undefined);
    const is = standings.get(sequence);
    if (!was) must(!is, 'what is done stays done', sequence, is);
    else if (!is) must(reasons.mayEnd(sequence, was), 'a message is lost', sequence, was, absorbed);
    else checkStep(history, sequence, was, is, reasons);
  }
  const behind = [...(outcomes.expired ?? [])];
  must(!behind.some((sequence) => standings.has(sequence)), 'what expired on its way is done', behind);
  must(expired - before.state.counts.expired >= behind.length, 'what expired on its way is counted so', behind);
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
  lost: false,
  outgoing: 0,
  isLeft: false,
  until: 0,
};

function checkStep(history: History, sequence: number, was: Standing, is: Standing, reasons: Reasons): void {
  const sent = history.sent.get(sequence);
  must(sent?.key === is.key && sent.index === is.index, 'a message keeps its body', sequence, sent, is);
  must(sent.transient === is.transient || is.outgoing > 0, 'a message keeps its persistence', sequence);
  must(is.redelivered || !was.redelivered, 'a flag stays', sequence, was, is);
  must(
    is.failures >= was.failures && (is.attempt >= was.attempt || is.outgoing > 0),
    'what a message went through stays',
    was,
    is,
  );
  must(!reasons.mustEnd(sequence, was), 'what was acknowledged is done', sequence, was, is);
  must(!reasons.mustLeave(sequence, was) || is.outgoing > 0, 'what was refused is dead-lettered', sequence, was, is);
  const until = reasons.waitsUntil(sequence, was);
  must(until === 0 || is.until === until || is.outgoing > 0, 'what was rejected for a while waits', sequence, was, is);
  must(was.outgoing === 0 || is.outgoing === was.outgoing, 'what is outgoing keeps its number', sequence, was, is);
  const stays = is.consumer === was.consumer && is.attempt === was.attempt;
  must(is.consumer === 0 || stays || reasons.isPlanned(sequence, is), 'only a turn gives', sequence, was, is);
}

/** What a head holds stays small, and nothing is kept that nobody needs. */
export function checkBounds(state: State, limits: Limits): void {
  const { references, held, flights, returned, delayed, outgoing, consumers } = state;
  let run = 0;
  references.forEach(({ level }, i) => {
    run = i > 2 && level === references[i - 1]?.level ? run + 1 : 1;
    must(run < limits.referencesPerLevel || i < 2, 'references of one level roll up', references);
  });
  for (const { first, count } of held) {
    const isLive = [...flights, ...returned, ...delayed, ...outgoing, ...references].some(
      (range) => range.first < first + count && range.first + range.count > first,
    );
    must(isLive, 'held references that nobody needs are let go', first, count);
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
  const most = limits.inFlightPerShard;
  must(total(flights) + total(delayed) <= most, 'a shard holds so many in flight and no more', flights, delayed);
  const waiting = Math.ceil(limits.outgoingBytes / OUTGOING_BYTES) + most;
  must(outgoing.length <= waiting, 'so much waits for another shard and no more', outgoing);
  must(state.recent.length <= 16 && state.repeated.length <= 32 && state.sources.length <= 8, 'memory is bounded');
  must(state.left.length <= 32 && state.rejected.length <= 16 && state.copies.length <= 32, 'memory is bounded');
}
