import type { Context, Draft } from '../state/draft.ts';
import { haveOnePast, pastOf } from '../state/past.ts';
import { endOf } from '../state/ranges.ts';
import type { Consumer, Flight } from '../state/state.ts';
import type { Server } from './servers.ts';
import { dealShares } from './shares.ts';
import type { PlannedMessage } from './take.ts';

/** What one consumer gets in this turn. */
export type PlannedDelivery = {
  readonly consumer: Consumer;
  /** True: commit, then push or reply. False: push, then commit. */
  readonly commitFirst: boolean;
  readonly messages: readonly PlannedMessage[];
  readonly flights: readonly Flight[];
};

/**
 * Gives each server its share, in the order of the messages, and puts it in flight. After a takeover all of it is
 * committed first: a master that dies here as well leaves attempts that its successor does not count again. So it is after
 * a decision, which a successor may make otherwise.
 */
export function deal(
  draft: Draft,
  servers: readonly Server[],
  messages: readonly PlannedMessage[],
  { takeover }: Pick<Context, 'takeover'>,
): PlannedDelivery[] {
  const shares = dealShares(
    messages.length,
    servers.map((server) => server.credit),
  );
  let at = 0;
  return servers.flatMap(({ consumer, deadline }, i) => {
    const share = messages.slice(at, at + (shares[i] ?? 0));
    at += share.length;
    if (share.length === 0) return [];
    const isPull = consumer.connection === '';
    if (!isPull) draft.rotation = consumer.number;
    const isTransient = share.some((planned) => planned.transient);
    const commitFirst = takeover || draft.hasDecided || isPull || consumer.ack === 'client' || isTransient;
    const flights = launch(consumer, share, deadline, commitFirst && !isPull);
    draft.flights.push(...flights);
    return [{ consumer, commitFirst, messages: share, flights }];
  });
}

function launch(consumer: Consumer, share: readonly PlannedMessage[], deadline: number, pushing: boolean): Flight[] {
  const flights: Flight[] = [];
  for (const planned of share) {
    const last = flights.at(-1);
    const follows = last && endOf(last) === planned.sequence && haveOnePast(last, planned);
    if (follows) flights[flights.length - 1] = { ...last, count: last.count + 1 };
    else {
      const flight = { first: planned.sequence, count: 1, consumer: consumer.number, pushing, deadline };
      flights.push({ ...flight, ...pastOf(planned) });
    }
  }
  return flights;
}
