import type { Limits } from '../../model/limits.ts';
import { total } from '../state/draft.ts';
import { bySequence, meets } from '../state/ranges.ts';
import type { Onward, State } from '../state/state.ts';

/** What a range of outgoing messages takes of a head, about, and a reference that it holds besides its key: in octets. */
const RANGE_BYTES = 14;
const REFERENCE_BYTES = 30;

type Leaving = Pick<State, 'outgoing' | 'held'>;

/**
 * How many more messages may be in flight, those that are delayed included. What waits for another shard has room of
 * its own, so that one which refuses it does not stop this one; only where that is used up too is nothing more given
 * out that might have to wait.
 */
export function windowOf(draft: Leaving & Pick<State, 'flights' | 'delayed'>, limits: Limits): number {
  if (isFullOfOutgoing(draft, limits)) return 0;
  return Math.max(0, limits.inFlightPerShard - total(draft.flights) - total(draft.delayed));
}

/** Whether outgoing messages take up so much of the head that nothing more is delivered. */
export function isFullOfOutgoing(draft: Leaving, { outgoingBytes }: Limits): boolean {
  return draft.outgoing.length > 0 && outgoingBytesOf(draft) >= outgoingBytes;
}

/** What outgoing messages take of the head: their ranges, and the references that say where their bodies lie. */
function outgoingBytesOf({ outgoing, held }: Leaving): number {
  const sorted = outgoing.toSorted(bySequence);
  let bytes = outgoing.length * RANGE_BYTES;
  for (const reference of held) if (meets(sorted, reference)) bytes += REFERENCE_BYTES + reference.key.length;
  return bytes;
}

/** What is sent onward takes half as much of the head at most: a transaction for which there is no room is aborted. */
export function hasRoomOnward(
  { onward }: Pick<State, 'onward'>,
  more: readonly Pick<Onward, 'target' | 'key'>[],
  { outgoingBytes }: Limits,
): boolean {
  return more.length === 0 || onwardBytesOf([...onward, ...more]) <= outgoingBytes / 2;
}

function onwardBytesOf(parts: readonly Pick<Onward, 'target' | 'key'>[]): number {
  return parts.reduce((sum, { target, key }) => sum + REFERENCE_BYTES + target.length + key.length, 0);
}
