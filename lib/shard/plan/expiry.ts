import { expiryOf, type Message } from '../../model/message.ts';
import type { Draft, Lookup } from '../state/draft.ts';
import { endOf } from '../state/ranges.ts';

/** Whether the earliest expiry that is known has passed. */
export function isDue({ expires }: { readonly expires: number }, date: number): boolean {
  return expires > 0 && expires <= date;
}

export function isExpired(message: Message, date: number): boolean {
  return isDue({ expires: expiryOf(message.headers) }, date);
}

/** The front's earliest expiry was that of a message that is gone: the next one, unless others wait to be taken. */
export function refreshExpiry(draft: Draft, lookup: Lookup, date: number): void {
  const front = draft.references[0];
  if (!front || !isDue(front, date)) return;
  const { level, key, first, offset, count } = front;
  const messages = level === 0 ? (lookup.batch(key) ?? []).slice(offset, offset + count) : [];
  const children = level > 0 ? (lookup.page(key) ?? []).filter((child) => endOf(child) > first) : [];
  const expiries = [...messages.map(({ headers }) => expiryOf(headers)), ...children.map(({ expires }) => expires)];
  if (expiries.length === 0 || expiries.some((expires) => isDue({ expires }, date))) return;
  const later = expiries.filter((expires) => expires > 0);
  draft.references[0] = { ...front, expires: later.length > 0 ? Math.min(...later) : 0 };
}
