import type { Entry } from '../../lib/shard/codec/entry.ts';
import { latestTime } from '../../lib/shard/state/delayed.ts';
import { type Context, total } from '../../lib/shard/state/draft.ts';
import type { State } from '../../lib/shard/state/state.ts';
import type { Turn } from '../../lib/shard/turn.ts';
import { must } from '../simulation/checks/violation.ts';
import type { History, Standing } from './shard-ledger.ts';

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
  const isWaiting = (sequence: number) => (standings.get(sequence)?.until ?? 0) > latestTime(context);
  for (const { consumer, messages } of turn.deliveries) {
    must(messages.length > 0, 'a delivery has messages');
    for (const { sequence, attempt, redelivered, key, index, message } of messages) {
      const sent = history.sent.get(sequence);
      must(sent?.key === key && sent.index === index, 'a message is the one that was sent', sequence, key, index, sent);
      must(Buffer.from(message.body).toString() === `${key}/${index}`, 'its body is the one that was sent', key, index);
      must(!planned.has(sequence), 'a message goes to one consumer', sequence);
      must(!isWaiting(sequence), 'what is delayed is not delivered before its time', sequence);
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
  for (const sequence of history.forwarded.values()) {
    must(!planned.has(sequence), 'a dead letter is delivered no more', sequence);
  }
  const letters = turn.forwards.flatMap((forward) => (forward.target === undefined ? forward.messages : []));
  for (const { sequence, failures, message, key, index } of letters) {
    const isOver = failures >= context.limits.deliveries || history.refused.has(sequence);
    must(isOver, 'only what exhausted its deliveries, or was refused, is dead-lettered', sequence);
    must(Buffer.from(message.body).toString() === `${key}/${index}`, 'the dead letter is the message', key, index);
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
    else if (entry.kind === 'transact') room += entry.settles.length * 3;
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
