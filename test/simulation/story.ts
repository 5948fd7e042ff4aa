import { decodeEntry, type Entry } from '../../lib/shard/codec/entry.ts';
import { decodeState } from '../../lib/shard/codec/state-codec.ts';
import { readyCount, total } from '../../lib/shard/state/draft.ts';
import type { Append, Head } from '../../lib/store/port.ts';

/** What a reader of a failing seed is told of a head. */
export function showHead(head: Head | undefined): string {
  if (!head) return 'no head';
  const lease = head.lease ? head.lease.nonce.slice(0, 6) : 'free';
  const inbox = head.inbox.map((bytes) => showEntry(decodeEntry(bytes))).join(' ');
  return `lease ${lease} rings ${head.rings} inbox [${inbox}] ${showState(head)}`;
}

function showState({ state }: Head): string {
  if (!state) return 'new';
  try {
    const read = decodeState(state);
    const ranges = (all: readonly { first: number; count: number }[]) =>
      all.map(({ first, count }) => (count === 1 ? `${first}` : `${first}-${first + count - 1}`)).join(',');
    const flights = read.flights.map((f) => `${ranges([f])}@${f.consumer}`).join(' ');
    return `ready ${readyCount(read)} (fresh from ${read.references[0]?.first ?? read.next}, again ${ranges(read.returned)}) flying ${total(read.flights)} [${flights}] leaving ${ranges(read.outgoing)} of ${read.next - 1}`;
  } catch {
    return 'of newer code';
  }
}

function showEntry(entry: Entry): string {
  const again = entry.attempt > 1 ? `(again ${entry.attempt})` : '';
  if ('deliveries' in entry) {
    const named = entry.deliveries.map(({ first, count, attempt }) => `${first}+${count}#${attempt}`).join(',');
    return `${entry.kind}:${named}${again}`;
  }
  if (entry.kind === 'acknowledge-up-to' || entry.kind === 'reject-up-to') {
    return `${entry.kind}:${entry.sequence}#${entry.deliveryAttempt}${again}`;
  }
  return `${entry.kind}:${entry.id.slice(0, 4)}${again}`;
}

export function showAppend({ entries, ring }: Append): string {
  const shown = entries.map((bytes) => showEntry(decodeEntry(bytes))).join(' ');
  return `${ring ? 'rings' : 'quietly'} ${shown}`;
}

export function showKind({ kind }: { readonly kind: string }): string {
  return kind;
}

/** The messages and receipts in a post. */
export function showPost(octets: Uint8Array): string {
  const text = Buffer.from(octets).toString('latin1');
  const shown = [...text.matchAll(/^(?:message-id|redelivered|receipt-id|code):(.*)$/gm)].map(([, value]) => value);
  return shown.join(' ');
}
