import type { Message } from '../model/message.ts';
import { deal, type PlannedDelivery } from './deal.ts';
import { type Context, type Draft, type Lookup, locate, type Needs, readyCount, total } from './draft.ts';
import { refreshExpiry } from './expiry.ts';
import { discharge } from './fan-out.ts';
import { drawReady } from './ready.ts';
import { findServers } from './servers.ts';
import { takeReady } from './take.ts';

/** A message for the dead-letter queue. */
export type DeadLetter = {
  readonly sequence: number;
  readonly failures: number;
  readonly key: string;
  readonly index: number;
  readonly message: Message;
};

export type Plan = {
  readonly kind: 'plan';
  readonly deliveries: readonly PlannedDelivery[];
  readonly deadLetters: readonly DeadLetter[];
  /** Keys of batches that are referred to and do not exist. */
  readonly missing: readonly string[];
  /** Messages are ready and somebody could take them: the next turn should not wait for a ring. */
  readonly more: boolean;
};

/** Decides which ready messages go to whom, and takes them out of the ready ones. */
export function plan(draft: Draft, lookup: Lookup, context: Context): Plan | Needs {
  if (context.audience === 0) discharge(draft);
  const servers = findServers(draft, context);
  const room = Math.min(context.limits.inFlightPerShard - total(draft.flights), context.limits.turnMessages);
  const demand = Math.min(
    servers.reduce((sum, server) => sum + server.credit, 0),
    Math.max(0, room),
  );
  const unread = new Set<string>();
  const deadLetters = findDeadLetters(draft, lookup, unread);
  const taken = takeReady(draft, lookup, context, demand);
  if (taken.kind === 'needs') return { ...taken, batches: [...unread, ...taken.batches] };
  if (unread.size > 0) return { kind: 'needs', pages: [], batches: [...unread] };
  drawReady(draft, lookup, taken.drawn);
  refreshExpiry(draft, lookup, context.now);
  draft.counts.expired += taken.expired;
  draft.counts.dropped += taken.lost;
  draft.counts.deadLettered += total(draft.dying);
  draft.dying = [];
  const deliveries = deal(draft, servers, taken.messages, context);
  // Automatic acknowledgement gives its credit back at once.
  const isFreed = deliveries.some(({ consumer }) => consumer.ack === 'auto') && readyCount(draft) > 0;
  const more = (taken.cutShort && taken.drawn > 0) || isFreed;
  return { kind: 'plan', deliveries, deadLetters, missing: taken.missing, more };
}

function findDeadLetters(draft: Draft, lookup: Lookup, unread: Set<string>): DeadLetter[] {
  const found: DeadLetter[] = [];
  for (const { first, count, failures } of draft.dying) {
    for (let sequence = first; sequence < first + count; sequence++) {
      const reference = locate(draft.held, sequence);
      const batch = lookup.batch(reference.key);
      if (batch === undefined) unread.add(reference.key);
      const index = reference.offset + sequence - reference.first;
      const message = batch?.[index];
      if (message) found.push({ sequence, failures, key: reference.key, index, message });
    }
  }
  return found;
}
