import { absorb } from './absorb.ts';
import { conclude, type PushOutcome } from './conclude.ts';
import type { PlannedDelivery } from './deal.ts';
import { type Context, type Draft, draftOf, type Lookup, type Needs, readyCount, stateOf } from './draft.ts';
import type { Entry } from './entry.ts';
import { callForExtension } from './extension.ts';
import { type DeadLetter, type Plan, plan } from './plan.ts';
import { releaseHeld } from './ready.ts';
import { type PageWrite, rollUp } from './roll-up.ts';
import type { Consumer, Extension, State } from './state.ts';
import { nextAwaited, nextWakeUp, probe, scheduleWake } from './wake-up.ts';

/** What the master does now: push, dead-letter, ask; then `settle` with what became of it. */
export type Turn = {
  readonly kind: 'turn';
  readonly deliveries: readonly PlannedDelivery[];
  readonly deadLetters: readonly DeadLetter[];
  /** Consumers to ask whether they are still there. */
  readonly probes: readonly Consumer[];
  /** What is to be extended; undefined where nothing is. */
  readonly extension: Extension | undefined;
  readonly missing: readonly string[];
  /** Ready messages remain: an acknowledgement of these deliveries will unlock work. */
  readonly backlog: boolean;
  readonly more: boolean;
  readonly draft: Draft;
};

/** What the commit writes. */
export type Settled = {
  readonly state: State;
  readonly pages: readonly PageWrite[];
  readonly discard: readonly string[];
  /** The minute of a wake-up to put down. */
  readonly wake: number | undefined;
  /** When the shard wants its next turn, in milliseconds since the epoch. */
  readonly wakeAt: number | undefined;
  /** When a connected consumer could get something, at the earliest, though nobody rings; as `wakeAt`. */
  readonly awaitedAt: number | undefined;
};

/**
 * Decides a turn: absorbs the inbox into the state, and plans what goes to whom. Asks for what must be read first;
 * called again with that, it decides the same. Changes none of its arguments.
 */
export function takeTurn(state: State, inbox: readonly Entry[], lookup: Lookup, context: Context): Turn | Needs {
  const draft = draftOf(state);
  const pages = absorb(draft, inbox, lookup, context);
  if (pages.length > 0) return { kind: 'needs', pages, batches: [] };
  const planned: Plan | Needs = plan(draft, lookup, context);
  if (planned.kind === 'needs') return planned;
  const { deliveries, deadLetters, missing, more } = planned;
  return {
    kind: 'turn',
    deliveries,
    deadLetters,
    probes: probe(draft, context.now, context.limits),
    extension: callForExtension(draft, context),
    missing,
    backlog: readyCount(draft) > 0,
    more,
    draft,
  };
}

/** Writes the outcomes of pushes into the turn's draft, and gives what the commit writes. */
export function settle(draft: Draft, outcomes: ReadonlyMap<PlannedDelivery, PushOutcome>, context: Context): Settled {
  for (const [delivery, outcome] of outcomes) conclude(draft, delivery, outcome, context);
  removeIdlePulls(draft);
  releaseHeld(draft);
  const pages = rollUp(draft, context);
  const wakeAt = nextWakeUp(draft, context);
  const wake = scheduleWake(draft, context.now, wakeAt);
  const discard = draft.spent.splice(0);
  return { state: stateOf(draft), pages, discard, wake, wakeAt, awaitedAt: nextAwaited(draft, context) };
}

function removeIdlePulls(draft: Draft): void {
  const busy = new Set(draft.flights.map((flight) => flight.consumer));
  draft.consumers = draft.consumers.filter((consumer) => consumer.connection !== '' || busy.has(consumer.number));
  draft.pulls = [];
}
