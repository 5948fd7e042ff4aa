import type { Message } from '../../model/message.ts';
import { messageBytes } from '../../model/message-bytes.ts';
import { type Context, type Draft, type Lookup, locate, type Needs, total } from '../state/draft.ts';
import { endOf } from '../state/ranges.ts';
import type { Apart, Outgoing } from '../state/state.ts';
import { isFullOfOutgoing } from './window.ts';

/** A message on its way to another shard. */
export type ForwardedMessage = {
  /** Its number among all that this shard ever forwarded; of what transactions send on, among all of that. */
  readonly number: number;
  readonly key: string;
  readonly index: number;
  readonly message: Message;
};

/** One that is dead. */
export type DeadLetter = ForwardedMessage & Pick<Outgoing, 'failures' | 'isRefused'> & { readonly sequence: number };

/** What this turn forwards: a delivery to a shard. */
export type Forward =
  /** To the shard's dead-letter queue. */
  | (Forwarding & { readonly target?: undefined; readonly messages: readonly DeadLetter[] })
  /** What transactions sent on. */
  | (Forwarding & { readonly target: string; readonly messages: readonly ForwardedMessage[] });

type Forwarding = {
  /** True: commit, then forward. False: they were committed as outgoing before. */
  readonly commitFirst: boolean;
  /** They may have been taken before, without anybody here having heard of it. */
  readonly mayBeRepeat: boolean;
  /** How many are outgoing in all, and whether these are so many that nothing more is delivered. */
  readonly waiting: number;
  readonly isFull: boolean;
};

/** What became of a forward. What was refused, or is unknown to be taken, is forwarded again. */
export type ForwardOutcome = 'taken' | 'refused' | 'unknown';

/** How long to wait after a refusal: doubling, in milliseconds. */
const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 60_000;

/**
 * The first of the outgoing messages, within the bounds of a turn; none while the target is left alone after a refusal.
 * None is forwarded before it is outgoing by a commit: a message whose master is replaced meanwhile is not both
 * delivered here and forwarded.
 * @param firstNew the first forward number that no commit has given out: what bears a lower one goes first, at once
 */
export function planForward(
  draft: Draft,
  lookup: Lookup,
  context: Context,
  firstNew: number,
): Forward | Needs | undefined {
  const { now, limits, takeover } = context;
  // A dead master may have forwarded them again, whatever became of it before.
  if (takeover && draft.forwardRetry) draft.forwardRetry = { ...draft.forwardRetry, mayBeTaken: true };
  const { forwardRetry } = draft;
  if (forwardRetry && forwardRetry.at > now) return undefined;
  const messages: DeadLetter[] = [];
  const unread = new Set<string>();
  const committed = draft.outgoing.flatMap((range) => {
    const count = Math.min(range.count, firstNew - range.number);
    return count > 0 ? [{ ...range, count }] : [];
  });
  const commitFirst = committed.length === 0;
  let [left, bytes] = [limits.turnMessages, 0];
  for (const range of commitFirst ? draft.outgoing : committed) {
    for (let i = 0; i < range.count && left > 0 && bytes < limits.turnBytes; i++, left--) {
      const reference = locate(draft.held, range.first + i);
      const batch = lookup.batch(reference.key);
      if (batch === undefined) {
        bytes += unread.has(reference.key) ? 0 : (reference.sizeBytes ?? limits.turnBytes);
        unread.add(reference.key);
        continue;
      }
      const index = reference.offset + range.first + i - reference.first;
      const message = batch?.[index];
      if (!message) continue;
      bytes += messageBytes(message);
      const { failures, isRefused, number, first } = range;
      const past = { failures, ...(isRefused ? { isRefused } : {}) };
      messages.push({ number: number + i, sequence: first + i, ...past, key: reference.key, index, message });
    }
  }
  if (unread.size > 0) return { kind: 'needs', pages: [], batches: [...unread] };
  if (messages.length === 0) return undefined;
  const mayBeRepeat = !commitFirst && (takeover || forwardRetry?.mayBeTaken === true);
  const [waiting, isFull] = [total(draft.outgoing), isFullOfOutgoing(draft, limits)];
  return { messages, commitFirst, mayBeRepeat, waiting, isFull };
}

/** Takes outgoing messages out whose bodies are missing: they hold up nobody. @returns them */
export function setMissingAside(draft: Draft, lookup: Lookup): Apart[] {
  const astray: Apart[] = [];
  const isMissing = ({ first }: Outgoing) => lookup.batch(locate(draft.held, first).key) === null;
  draft.outgoing = draft.outgoing.flatMap((range) => {
    const rest: Outgoing[] = [];
    for (const part of byBatch(draft, range)) {
      if (!isMissing(part)) rest.push(part);
      else astray.push({ first: part.first, count: part.count, key: locate(draft.held, part.first).key });
    }
    return rest.length === 1 && rest[0]?.count === range.count ? [range] : rest;
  });
  if (draft.outgoing.length === 0) draft.forwardRetry = undefined;
  return astray;
}

function byBatch({ held }: Draft, range: Outgoing): Outgoing[] {
  const parts: Outgoing[] = [];
  for (let { first, number } = range; first < endOf(range); ) {
    const count = Math.min(endOf(range), endOf(locate(held, first))) - first;
    parts.push({ ...range, first, number, count });
    first += count;
    number += count;
  }
  return parts;
}

/** Whether messages are outgoing that nothing holds up. */
export function hasMoreToForward({ outgoing, forwardRetry }: Draft, { now }: Pick<Context, 'now'>): boolean {
  return outgoing.length > 0 && (forwardRetry === undefined || forwardRetry.at <= now);
}

/** When a target is tried again that refused so often before; in milliseconds since the epoch. */
export function retryTime(tries: number, now: number): number {
  return now + Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** tries);
}

/** Writes the outcome of a forward into the state. */
export function concludeForward(draft: Draft, forward: Forward, outcome: ForwardOutcome, { now }: Context): void {
  if (outcome !== 'taken') {
    const tries = draft.forwardRetry?.tries ?? 0;
    const mayBeTaken = forward.mayBeRepeat || outcome === 'unknown';
    draft.forwardRetry = { at: retryTime(tries, now), tries: tries + 1, mayBeTaken };
    return;
  }
  draft.forwardRetry = undefined;
  draft.counts.deadLettered += forward.messages.length;
  const last = forward.messages.at(-1)?.number ?? 0;
  draft.outgoing = draft.outgoing.flatMap((range) => {
    const taken = Math.min(range.count, Math.max(0, last + 1 - range.number));
    if (taken === range.count) return [];
    const { first, number, count } = range;
    return [{ ...range, first: first + taken, number: number + taken, count: count - taken }];
  });
}
