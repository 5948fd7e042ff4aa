import { messageBytes } from '../../model/message-bytes.ts';
import { type Context, type Draft, type Lookup, type Needs, total } from '../state/draft.ts';
import type { Onward, OnwardRetry } from '../state/state.ts';
import { type Forward, type ForwardedMessage, type ForwardOutcome, retryTime } from './forwards.ts';

/**
 * What transactions sent on to other shards, in the order of its numbers, within the bounds of a turn: a forward for each
 * target, but for those that are left alone after a refusal. Nothing goes before a commit has it.
 * @param firstNew the first number that no commit has given out
 */
export function planOnward(draft: Draft, lookup: Lookup, context: Context, firstNew: number): Forward[] | Needs {
  if (context.takeover) suspectAll(draft, firstNew - 1);
  const { turnMessages, turnBytes } = context.limits;
  const room = { messages: turnMessages, bytes: turnBytes, unreadBytes: turnBytes / UNREAD_SHARE };
  const unread = new Set<string>();
  const forwards: Forward[] = [];
  for (const [target, all] of Map.groupBy(draft.onward, (sent) => sent.target)) {
    const retry = retryOf(draft, target);
    if (retry && retry.at > context.now) continue;
    const committed = all.filter(({ number }) => number < firstNew);
    const commitFirst = committed.length === 0;
    const messages = takeOnward(commitFirst ? all : committed, lookup, room, unread);
    if (messages.length === 0) continue;
    const mayBeRepeat = (messages[0]?.number ?? 0) <= (retry?.upTo ?? 0);
    forwards.push({ target, messages, commitFirst, mayBeRepeat, waiting: total(all), isFull: false });
  }
  return unread.size > 0 ? { kind: 'needs', pages: [], batches: [...unread] } : forwards;
}

/** A dead master may have sent on all that was committed, whatever became of it before. */
function suspectAll(draft: Draft, upTo: number): void {
  const targets = [...new Set(draft.onward.map(({ target }) => target))];
  draft.onwardRetries = targets.map((target) => ({ ...(retryOf(draft, target) ?? { target, at: 0, tries: 0 }), upTo }));
}

/** How much a turn takes yet; a batch that was not read counts for so many octets. */
type Room = { messages: number; bytes: number; readonly unreadBytes: number };

/** What share of a turn's octets that is. */
const UNREAD_SHARE = 16;

function takeOnward(parts: readonly Onward[], lookup: Lookup, room: Room, unread: Set<string>): ForwardedMessage[] {
  const messages: ForwardedMessage[] = [];
  for (const { number, count, key, offset } of parts) {
    if (room.messages <= 0 || room.bytes <= 0) break;
    const batch = lookup.batch(key);
    if (batch === undefined && !unread.has(key)) {
      unread.add(key);
      room.bytes -= room.unreadBytes;
    }
    for (let i = 0; i < count && room.messages > 0 && room.bytes > 0; i++, room.messages--) {
      const message = batch?.[offset + i];
      if (!message) continue;
      room.bytes -= messageBytes(message);
      messages.push({ number: number + i, key, index: offset + i, message });
    }
  }
  return messages;
}

function retryOf({ onwardRetries }: Draft, target: string): OnwardRetry | undefined {
  return onwardRetries.find((retry) => retry.target === target);
}

/** Takes out what was sent on and whose bodies are missing: it holds up nobody. @returns the keys of their batches */
export function dropMissingOnward(draft: Draft, lookup: Lookup): readonly string[] {
  const missing = draft.onward.filter(({ key }) => lookup.batch(key) === null);
  if (missing.length === 0) return [];
  draft.onward = draft.onward.filter((sent) => !missing.includes(sent));
  forgetRetries(draft);
  return missing.map(({ key }) => key);
}

/** Whether something is to be sent on that nothing holds up. */
export function hasMoreOnward(draft: Draft, { now }: Pick<Context, 'now'>): boolean {
  return draft.onward.some(({ target }) => (retryOf(draft, target)?.at ?? 0) <= now);
}

/** When targets are tried again that refused; in milliseconds since the epoch. */
export function onwardTimes({ onwardRetries }: Draft): readonly number[] {
  return onwardRetries.map(({ at }) => at);
}

/** Writes the outcome of a forward into the state. */
export function concludeOnward(
  draft: Draft,
  forward: Forward & { readonly target: string },
  outcome: ForwardOutcome,
  context: Context,
): void {
  const { target, messages } = forward;
  const last = messages.at(-1)?.number ?? 0;
  const others = draft.onwardRetries.filter((retry) => retry.target !== target);
  const { tries, upTo } = retryOf(draft, target) ?? { tries: 0, upTo: 0 };
  if (outcome !== 'taken') {
    const mayBeTaken = outcome === 'unknown' ? Math.max(upTo, last) : upTo;
    const at = retryTime(tries, context.now);
    draft.onwardRetries = [...others, { target, at, tries: tries + 1, upTo: mayBeTaken }];
    return;
  }
  draft.onwardRetries = upTo > last ? [...others, { target, at: 0, tries: 0, upTo }] : others;
  const keys = new Set(messages.map(({ key }) => key));
  draft.onward = draft.onward.flatMap((sent) => (sent.target === target ? beyond(sent, last) : [sent]));
  forgetRetries(draft);
  if (context.bodiesExpire) return;
  const named = new Set(draft.onward.map(({ key }) => key));
  draft.spent.push(...[...keys].filter((key) => !named.has(key)));
}

/** What of it has higher numbers than `last`. */
function beyond(sent: Onward, last: number): Onward[] {
  const taken = Math.min(sent.count, Math.max(0, last + 1 - sent.number));
  if (taken === sent.count) return [];
  const { number, count, offset } = sent;
  return [{ ...sent, number: number + taken, count: count - taken, offset: offset + taken }];
}

function forgetRetries(draft: Draft): void {
  const targets = new Set(draft.onward.map(({ target }) => target));
  draft.onwardRetries = draft.onwardRetries.filter(({ target }) => targets.has(target));
}
