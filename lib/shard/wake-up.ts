import type { Limits } from '../model/limits.ts';
import { type Context, type Draft, readyCount } from './draft.ts';
import { extensionTime } from './extension.ts';
import { isExhausted } from './flights.ts';
import { sinceOf } from './reference.ts';
import { hasCredit } from './servers.ts';
import type { Consumer, State } from './state.ts';

const MINUTE_MS = 60_000;
/** After this, what a push gave back is tried again, if nothing else makes a turn before. */
const RETRY_MS = 1000;

/** The minute, since the epoch, that holds this time. */
export function minuteOf(timeMs: number): number {
  return Math.floor(timeMs / MINUTE_MS);
}

/**
 * When the shard wants a turn although nobody rings: at the next deadline, expiry at its front, question whether a
 * consumer is still there, or extension of bodies; soon, if pushes gave back what could go to others. In milliseconds
 * since the epoch; undefined if never.
 */
export function nextWakeUp(draft: Draft, context: Context): number | undefined {
  const { limits, now } = context;
  const front = draft.references[0];
  return earliest([
    ...deadlines(draft),
    // An expiry that is over and was not taken waits behind messages that stay.
    front && front.expires > now ? front.expires : 0,
    ...probed(draft).map((consumer) => probeTime(consumer)),
    extensionTime(draft, limits),
    retryTime(draft, context),
  ]);
}

/**
 * The part of `nextWakeUp` that a connected consumer waits for: deadlines that pass, and pushes to try again. Who
 * pulls sees a deadline pass by himself; questions, extensions and expiry have time.
 */
export function nextAwaited(draft: Draft, context: Context): number | undefined {
  return hasConnected(draft) ? earliest([...deadlines(draft), retryTime(draft, context)]) : undefined;
}

/** The next deadline that a connected consumer waits for. */
export function nextDeadline(draft: Draft): number | undefined {
  return hasConnected(draft) ? earliest(deadlines(draft)) : undefined;
}

function hasConnected({ consumers }: Draft): boolean {
  return consumers.some((consumer) => consumer.connection !== '');
}

function deadlines({ flights }: Draft): number[] {
  return flights.map((flight) => flight.deadline);
}

function retryTime(draft: Draft, context: Context): number {
  return draft.givenBack && canGo(draft, context) ? context.now + RETRY_MS : 0;
}

/** 0 stands for never. */
function earliest(times: readonly number[]): number | undefined {
  const some = times.filter((time) => time > 0);
  return some.length > 0 ? Math.min(...some) : undefined;
}

function canGo(draft: Draft, context: Context): boolean {
  if (readyCount(draft) === 0) return false;
  return hasCredit(draft, context) || draft.returned.some((range) => isExhausted(range, context));
}

/** A consumer whose prefetch is used up gets no push that could find it gone. */
function probed(state: Pick<State, 'consumers' | 'flights'>): Consumer[] {
  const busy = new Set(state.flights.map((flight) => flight.consumer));
  return state.consumers.filter((consumer) => consumer.connection !== '' && busy.has(consumer.number));
}

function probeTime(consumer: Consumer): number {
  return (consumer.seen + consumer.patience) * 1000;
}

/** Consumers to ask now whether they are still there; each is asked again after twice the time. */
export function probe(draft: Draft, now: number, limits: Limits): readonly Consumer[] {
  const due = probed(draft).filter((consumer) => probeTime(consumer) <= now);
  if (due.length === 0) return [];
  const most = Math.floor(limits.probeMaxMs / 1000);
  draft.consumers = draft.consumers.map((consumer) =>
    due.includes(consumer)
      ? { ...consumer, seen: Math.floor(now / 1000), patience: Math.min(most, consumer.patience * 2) }
      : consumer,
  );
  return due;
}

/** When the oldest message came that is not consumed yet, in seconds since the epoch. */
export function oldestSince(state: Pick<State, 'held' | 'references'>): number | undefined {
  let oldest = Number.POSITIVE_INFINITY;
  for (const reference of state.held) oldest = Math.min(oldest, sinceOf(reference));
  for (const reference of state.references) oldest = Math.min(oldest, sinceOf(reference));
  return oldest === Number.POSITIVE_INFINITY ? undefined : oldest;
}

/** The minute to put down for the sweep, if none that is near enough is put down already. */
export function scheduleWake(draft: Draft, now: number, wakeAt: number | undefined): number | undefined {
  if (wakeAt === undefined) return undefined;
  const minute = minuteOf(Math.max(wakeAt, now)) + 1;
  const isCovered = draft.wake > minuteOf(now) && draft.wake <= minute;
  if (isCovered) return undefined;
  draft.wake = minute;
  return minute;
}
