import { absorb } from './absorb/absorb.ts';
import type { Entry } from './codec/entry.ts';
import { conclude, type Pushes } from './conclude/conclude.ts';
import { forgetDecisions } from './conclude/decisions.ts';
import { callForKeepAlive } from './conclude/keep-alive.ts';
import { type PageWrite, rollUp } from './conclude/roll-up.ts';
import { claimAwaited, nextWakeUp, probe, scheduleWake } from './conclude/wake-up.ts';
import type { PlannedDelivery } from './plan/deal.ts';
import { concludeForward, type Forward, type ForwardOutcome, hasMoreToForward } from './plan/forwards.ts';
import { concludeOnward, hasMoreOnward } from './plan/onward.ts';
import { type Plan, plan } from './plan/plan.ts';
import { hasCredit, leftOut } from './plan/servers.ts';
import { isFullOfOutgoing } from './plan/window.ts';
import { releaseHeld } from './state/discard.ts';
import { type Context, type Draft, draftOf, type Lookup, type Needs, readyCount, stateOf } from './state/draft.ts';
import type { Consumer, KeepAlive, State } from './state/state.ts';

/** What the master does now: push, forward, ask; then `finishTurn` with what became of it. */
export type Turn = {
  readonly kind: 'turn';
  readonly deliveries: readonly PlannedDelivery[];
  readonly forwards: readonly Forward[];
  /** Connections that are to have a turn once they have read what they were sent. */
  readonly leftOut: readonly string[];
  /** Consumers to ask whether they are still there. */
  readonly probes: readonly Consumer[];
  /** What is to be extended; undefined where nothing is. */
  readonly keepAlive: KeepAlive | undefined;
  readonly missing: readonly string[];
  /** Ready messages remain: an acknowledgement of these deliveries will unlock work. */
  readonly backlog: boolean;
  readonly more: boolean;
  readonly draft: Draft;
};

/** What the commit writes. */
export type FinishedTurn = {
  readonly state: State;
  readonly pages: readonly PageWrite[];
  readonly discard: readonly string[];
  /** The minute of a wake-up to put down. */
  readonly wake: number | undefined;
  /** When the shard wants its next turn, in milliseconds since the epoch. */
  readonly wakeAt: number | undefined;
  /**
   * When a connected consumer could get something, at the earliest, though nobody rings; as `wakeAt`. The state says
   * that somebody sleeps until then: it is asked for once.
   */
  readonly awaitedAt: number | undefined;
  /** Messages are to be forwarded now, or made room for others: the next turn should not wait for a ring. */
  readonly more: boolean;
};

/**
 * Decides a turn: absorbs the inbox into the state, and plans what goes to whom. Asks for what must be read first;
 * called again with that, it decides the same. Changes none of its arguments.
 */
export function decideTurn(state: State, inbox: readonly Entry[], lookup: Lookup, context: Context): Turn | Needs {
  const draft = draftOf(state);
  const pages = absorb(draft, inbox, lookup, context);
  if (pages.length > 0) return { kind: 'needs', pages, batches: [] };
  const planned: Plan | Needs = plan(draft, lookup, context, state);
  if (planned.kind === 'needs') return planned;
  const { deliveries, forwards, missing, more } = planned;
  return {
    kind: 'turn',
    deliveries,
    forwards,
    leftOut: leftOut(draft, context),
    probes: probe(draft, context.now, context.limits),
    keepAlive: callForKeepAlive(draft, context),
    missing,
    backlog: readyCount(draft) > 0,
    more,
    draft,
  };
}

/** What became of what a turn sent out. */
export type Outcomes = Pushes & {
  /** Without what is concluded already. Default: nothing was forwarded. */
  readonly forwarded?: readonly Forwarded[];
};

/** What became of a forward. */
export type Forwarded = { readonly forward: Forward; readonly outcome: ForwardOutcome };

/** Writes the outcomes into the turn's draft, and gives what the commit writes. */
export function finishTurn(draft: Draft, outcomes: Outcomes, context: Context): FinishedTurn {
  const { expired, forwarded = [] } = outcomes;
  conclude(draft, outcomes, context);
  const isTaken = forwarded.some(({ forward, outcome }) => forward.target === undefined && outcome === 'taken');
  const wasFull = isTaken && isFullOfOutgoing(draft, context.limits);
  for (const { forward, outcome } of forwarded) {
    if (forward.target === undefined) concludeForward(draft, forward, outcome, context);
    else concludeOnward(draft, forward, outcome, context);
  }
  forgetDecisions(draft, context);
  removeIdlePulls(draft);
  releaseHeld(draft);
  const pages = rollUp(draft, context);
  const wakeAt = nextWakeUp(draft, context);
  const wake = scheduleWake(draft, context, wakeAt);
  const discard = draft.spent.splice(0);
  // What was outgoing, or expired on the way, took up room that others wait for; after a second commit as well.
  draft.hasFreed ||= wasFull || (expired?.size ?? 0) > 0;
  const isFreed = draft.hasFreed && readyCount(draft) > 0 && hasCredit(draft, context);
  const more = isFreed || hasMoreToForward(draft, context) || hasMoreOnward(draft, context);
  const awaitedAt = claimAwaited(draft, context);
  return { state: stateOf(draft), pages, discard, wake, wakeAt, awaitedAt, more };
}

function removeIdlePulls(draft: Draft): void {
  const busy = new Set(draft.flights.map((flight) => flight.consumer));
  draft.consumers = draft.consumers.filter((consumer) => consumer.connection !== '' || busy.has(consumer.number));
  draft.pulls = [];
}
