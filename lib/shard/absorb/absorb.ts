import type { Entry } from '../codec/entry.ts';
import { further, isDueToKeep } from '../conclude/keep-alive.ts';
import { passDelays } from '../state/delayed.ts';
import { dropReady } from '../state/discard.ts';
import { type Context, type Draft, type Lookup, total } from '../state/draft.ts';
import { bury, dismiss, passDeadlines } from '../state/flights.ts';
import { endOf } from '../state/ranges.ts';
import { keptAlive, type Reference } from '../state/reference.ts';
import type { Onward } from '../state/state.ts';
import { end } from './end.ts';
import { arriveForward, arriveMessages } from './fresh.ts';
import { admit, hasLeft } from './repeats.ts';
import { endInterruptedPushes, suspect } from './takeover.ts';
import { endsDeliveries, transact } from './transact.ts';

/**
 * Takes the inbox into the state. Messages get their sequences by inbox position; what ends deliveries follows, so
 * that after a takeover it also finds those that a dead master pushed and never committed.
 * @returns keys of pages that must be read first, in which case the draft is of no use; else an empty list
 */
export function absorb(draft: Draft, entries: readonly Entry[], lookup: Lookup, context: Context): readonly string[] {
  bury(draft, context);
  const again = passDelays(draft, context);
  for (const entry of entries) arrive(draft, entry, context);
  if (context.takeover) {
    const late = again + passDeadlines(draft, context, 'late');
    const unread = suspect(draft, entries, late, lookup, context);
    if (unread.length > 0) return unread;
    draft.isAbsorbedAgain = true;
  }
  for (const entry of entries) settle(draft, entry, context);
  if (context.takeover) endInterruptedPushes(draft);
  // What a connection acknowledged before its process died is acknowledged.
  if (context.epoch !== '') evictDeadConnections(draft, context);
  turnAway(draft, context);
  passDeadlines(draft, context, 'counted');
  draft.isAbsorbedAgain = false;
  bury(draft, context);
  return [];
}

/** A connection of an earlier process died with it; that is the broker's death, and does not count. */
function evictDeadConnections(draft: Draft, context: Context): void {
  const dead = draft.consumers.filter((c) => c.connection !== '' && !c.connection.startsWith(context.epoch));
  if (dead.length === 0) return;
  const numbers = new Set(dead.map((consumer) => consumer.number));
  dismiss(draft, (number) => numbers.has(number), 'unanswered');
}

/** Who came last finds no room: the state stays bounded, whatever becomes of those who are told so. */
function turnAway(draft: Draft, { limits }: Context): void {
  if (draft.consumers.length <= limits.consumersPerShard) return;
  const connected = draft.consumers.filter((consumer) => consumer.connection !== '');
  const beyond = new Set(connected.slice(limits.consumersPerShard).map((consumer) => consumer.number));
  if (beyond.size > 0) dismiss(draft, (number) => beyond.has(number), 'uncounted');
}

/** What adds to the shard: messages, consumers, pulls; and a purge, which takes away what came before it. */
function arrive(draft: Draft, entry: Entry, context: Context): void {
  switch (entry.kind) {
    case 'send':
      arriveMessages(draft, entry);
      return;
    case 'forward':
      arriveForward(draft, entry, context);
      return;
    case 'join':
      arriveConsumer(draft, entry, context);
      return;
    case 'receive':
      // One that may have been served is not served again: its caller looks for what he got, and asks anew.
      if (admit(draft, entry) !== 'new') return;
      draft.pulls.push({ id: entry.id, max: entry.max, deadline: entry.deadline });
      return;
    case 'purge':
      if (admit(draft, entry) !== 'repeat') purge(draft, context);
      return;
    case 'kept-alive':
      noteKeepAlive(draft, entry, context);
      return;
    case 'transact':
      // What hangs on no delivery is decided by its place alone.
      if (!endsDeliveries(entry)) transact(draft, entry, context);
  }
}

function settle(draft: Draft, entry: Entry, context: Context): void {
  if (entry.kind !== 'transact') end(draft, entry, context);
  else if (endsDeliveries(entry)) transact(draft, entry, context);
}

/** A page that was written meanwhile may list what was not kept alive. */
function noteKeepAlive(
  draft: Draft,
  { upTo, born, seen, onward = 0 }: Entry & { kind: 'kept-alive' },
  { limits }: Context,
): void {
  const keepOne = (r: Reference) => (endOf(r) <= upTo && isDueToKeep(r.born, born, limits) ? keptAlive(r, born) : r);
  draft.references = draft.references.map(keepOne);
  draft.held = draft.held.map(keepOne);
  const isKept = (sent: Onward) => sent.number < onward && isDueToKeep(sent.born, born, limits);
  draft.onward = draft.onward.map((sent) => (isKept(sent) ? { ...sent, born } : sent));
  const keepAlive = further(draft.keepAlive, { upTo, born, seen });
  const isLeft = (r: Pick<Reference, 'born'>) => isDueToKeep(r.born, keepAlive.born, limits);
  const all = [draft.references, draft.held, draft.onward];
  draft.keepAlive = all.some((some) => some.some(isLeft)) ? keepAlive : undefined;
}

/** What is delayed or apart goes as well, and what its target refused: nobody may ever take it. */
function purge(draft: Draft, context: Context): void {
  draft.counts.purged += dropReady(draft, context) + total(draft.delayed) + total(draft.apart);
  draft.delayed = [];
  draft.apart = [];
  if (!draft.forwardRetry) return;
  draft.counts.purged += total(draft.outgoing);
  draft.outgoing = [];
  draft.forwardRetry = undefined;
}

function arriveConsumer(draft: Draft, entry: Entry & { kind: 'join' }, context: Context): void {
  const isKnown = hasLeft(draft, entry.id) || draft.consumers.some((consumer) => consumer.id === entry.id);
  if (admit(draft, entry) === 'repeat' || isKnown) return;
  const { id, connection, subscription, ack, prefetch } = entry;
  const seen = Math.floor(context.now / 1000);
  const patience = Math.floor(context.limits.probeMs / 1000);
  const number = draft.nextConsumer++;
  draft.consumers.push({ number, id, connection, subscription, ack, prefetch, seen, patience });
}
