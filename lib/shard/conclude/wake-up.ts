import type { Limits } from '../../model/limits.ts';
import { onwardTimes } from '../plan/onward.ts';
import { hasCredit, hasRoomToPush, refusedUntil } from '../plan/servers.ts';
import { type Context, type Draft, readyCount } from '../state/draft.ts';
import { isExhausted } from '../state/flights.ts';
import { sinceOf } from '../state/reference.ts';
import { type Consumer, roots, type State } from '../state/state.ts';
import { keepAliveTime } from './keep-alive.ts';

const SECOND_MS = 1000;
const MINUTE_MS = 60_000;
/** Sooner than this an invocation that sleeps covers a wake-up; what is later is the sweep's. */
const NEAR_MS = MINUTE_MS;
/** As many sleep for one shard at most, each for an earlier time than those before; whoever wakes looks for the next. */
const ASLEEP_MAX = 4;
/** After this, what a push gave back is tried again; what could go to others meanwhile does not wait for it. */
export const RETRY_MS = 1000;

/** The minute, since the epoch, that holds this time. */
export function minuteOf(timeMs: number): number {
  return Math.floor(timeMs / MINUTE_MS);
}

/**
 * When the shard wants a turn although nobody rings: at the next deadline or end of a delay, expiry at its front,
 * question whether a consumer is still there, or keep-alive of bodies; soon, if pushes gave back what could go to
 * others. In milliseconds since the epoch; undefined if never.
 */
export function nextWakeUp(draft: Draft, context: Context): number | undefined {
  const { now, date } = context;
  const expiry = nextExpiry(draft);
  return earliest([
    ...deadlines(draft),
    // An expiry that is over and was not taken waits for a turn that is due anyhow.
    expiry > date ? expiry - date + now : 0,
    // Without a refusal it is the next turn's, and whoever holds the lease takes that at once.
    draft.outgoing.length > 0 ? (draft.forwardRetry?.at ?? 0) : 0,
    ...onwardTimes(draft),
    ...probed(draft).map((consumer) => probeTime(consumer)),
    keepAliveTime(draft, context),
    ...retryTimes(draft, context),
  ]);
}

/** When the message in front may expire, in milliseconds since the epoch; 0 if never. What returned goes before it. */
export function nextExpiry({ returned, references: [front], front: staying }: Draft): number {
  if (!front || returned.length > 0) return 0;
  return staying?.first === front.first ? staying.expires : front.expires;
}

/**
 * The part of `nextWakeUp` that a connected consumer waits for, and that nobody sleeps for yet, though it is too near
 * for the sweep: a deadline that lets something go to it, a push to try again. In whole seconds: who forgets many
 * messages in one of them is waited for once. Who pulls sees a deadline pass by himself; questions, keep-alives and
 * expiry have time. A self-hosted broker has a timer for all of it.
 */
export function nextAwaited(draft: Draft, context: Context): number | undefined {
  if (context.epoch !== '') return undefined;
  const { now, limits } = context;
  const time = earliest([...awaitedDeadlines(draft), ...retryTimes(draft, context)]);
  const at = Math.ceil((time ?? Number.POSITIVE_INFINITY) / SECOND_MS) * SECOND_MS;
  if (at - now >= NEAR_MS) return undefined;
  const asleep = asleepAt(draft, now);
  // By a clock that is ahead, one whose time has nearly come may be awake already.
  const isCovered = asleep.some((until) => until === at || (until < at && until > now + limits.skewMs));
  // Beyond that, only one who would wait for twice as long without: within a minute, six more at most.
  const isLate = asleep.every((until) => (until - now) / 2 >= at - now);
  return isCovered || (asleep.length >= ASLEEP_MAX && !isLate) ? undefined : at;
}

/** `nextAwaited`, from now on with somebody who sleeps for it. */
export function claimAwaited(draft: Draft, context: Context): number | undefined {
  const at = nextAwaited(draft, context);
  const asleep = asleepAt(draft, context.now);
  draft.awaited = at === undefined ? asleep : [...asleep, at].sort((a, b) => a - b);
  return at;
}

function asleepAt({ awaited }: Draft, now: number): readonly number[] {
  return awaited.filter((until) => until > now);
}

/** Deadlines that give room to a connected consumer, or that end where one has room; there, delays too. */
function awaitedDeadlines(draft: Draft): number[] {
  const timed = draft.flights.filter(({ deadline }) => deadline > 0);
  if (timed.length + draft.delayed.length === 0) return [];
  const connected = new Set(draft.consumers.flatMap(({ connection, number }) => (connection === '' ? [] : [number])));
  const hasRoom = connected.size > 0 && hasRoomToPush(draft);
  const delays = hasRoom ? draft.delayed.map(({ until }) => until) : [];
  const freeing = timed.filter(({ consumer }) => hasRoom || connected.has(consumer));
  return [...delays, ...freeing.map(({ deadline }) => deadline)];
}

function deadlines({ flights, delayed }: Draft): number[] {
  return [...flights.map(({ deadline }) => deadline), ...delayed.map(({ until }) => until)];
}

function retryTimes(draft: Draft, context: Context): readonly number[] {
  if (!canGo(draft, context)) return [];
  return [...(draft.givenBack ? [context.now + RETRY_MS] : []), ...refusedUntil(draft, context)];
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
  for (const reference of roots(state)) oldest = Math.min(oldest, sinceOf(reference));
  return oldest === Number.POSITIVE_INFINITY ? undefined : oldest;
}

/** The minute to put down for the sweep, if none that is near enough is put down already. */
export function scheduleWake(draft: Draft, { now, limits }: Context, wakeAt: number | undefined): number | undefined {
  if (wakeAt === undefined) return undefined;
  const minute = minuteOf(Math.max(wakeAt, now)) + 1;
  // A sweep whose clock is ahead may have taken the next minute's away.
  const isCovered = draft.wake > minuteOf(now + limits.skewMs) && draft.wake <= minute;
  if (isCovered) return undefined;
  draft.wake = minute;
  return minute;
}
