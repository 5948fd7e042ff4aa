import { type Context, type Draft, type Lookup, type Needs, readyCount } from '../state/draft.ts';
import { drawReady } from '../state/draw.ts';
import type { State } from '../state/state.ts';
import { setApart } from './apart.ts';
import { discharge } from './audience.ts';
import { deal, type PlannedDelivery } from './deal.ts';
import { isDue, refreshExpiry } from './expiry.ts';
import { type Forward, planForward, setMissingAside } from './forwards.ts';
import { sweepLitter } from './litter.ts';
import { dropMissingOnward, planOnward } from './onward.ts';
import { findServers } from './servers.ts';
import { type Taken, takeReady } from './take.ts';
import { windowOf } from './window.ts';

export type Plan = {
  readonly kind: 'plan';
  readonly deliveries: readonly PlannedDelivery[];
  readonly forwards: readonly Forward[];
  /** Keys of batches and pages that are referred to and do not exist. */
  readonly missing: readonly string[];
  /** Something is left that could go on: the next turn should not wait for a ring. */
  readonly more: boolean;
};

/** The first numbers that no commit has given out. */
type FirstNew = Pick<State, 'nextForward' | 'nextOnward'>;

/** Decides which ready messages go to whom, and takes them out of the ready ones. */
export function plan(draft: Draft, lookup: Lookup, context: Context, firstNew: FirstNew): Plan | Needs {
  if (context.audience === 0) discharge(draft, context);
  const servers = findServers(draft, context);
  const room = Math.min(windowOf(draft, context.limits), context.limits.turnMessages);
  const demand = Math.min(
    servers.reduce((sum, server) => sum + server.credit, 0),
    room,
  );
  const forward = planForward(draft, lookup, context, firstNew.nextForward);
  const onward = planOnward(draft, lookup, context, firstNew.nextOnward);
  const taken = takeReady(draft, lookup, context, demand);
  const litter = sweepLitter(draft, lookup);
  const needs = together(forward, onward, taken, litter);
  if (needs) return needs;
  const astray = setMissingAside(draft, lookup);
  const { ranges, messages, expired, dropped, apart, cutShort } = taken as Taken;
  drawReady(draft, lookup, ranges);
  const keys = [...apart, ...astray].map(({ key }) => key);
  const missing = [...new Set([...keys, ...dropMissingOnward(draft, lookup)])];
  setApart(draft, [...astray, ...apart]);
  markFront(draft, taken as Taken, context);
  refreshExpiry(draft, lookup, context.date);
  draft.counts.expired += expired;
  draft.counts.dropped += dropped;
  const deliveries = deal(draft, servers, messages, context);
  // Automatic acknowledgement gives its credit back at once.
  const isFreed = deliveries.some(({ consumer }) => consumer.ack === 'auto') && readyCount(draft) > 0;
  const more = (cutShort && ranges.length > 0) || isFreed || draft.litter.length > 0;
  const forwards = [...(forward ? [forward as Forward] : []), ...(onward as Forward[])];
  return { kind: 'plan', deliveries, forwards, missing, more };
}

/** What several parts of a plan ask for, in one read. */
function together(...parts: readonly (object | undefined)[]): Needs | undefined {
  const needs = parts.filter((part): part is Needs => part !== undefined && 'kind' in part && part.kind === 'needs');
  if (needs.length === 0) return undefined;
  return {
    kind: 'needs',
    pages: needs.flatMap(({ pages }) => pages),
    batches: needs.flatMap(({ batches }) => batches),
  };
}

/** Remembers that the message in front stays: what has expired behind it calls for no turn before that changes. */
function markFront(draft: Draft, { staying }: Taken, { date }: Context): void {
  const front = draft.references[0];
  const isFront = draft.returned.length === 0 && front?.first === staying?.first;
  if (front && staying && isFront && isDue(front, date)) draft.front = staying;
  else if (draft.front?.first !== front?.first) draft.front = undefined;
}
