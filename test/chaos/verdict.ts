import type { Event } from './history.ts';

/** What a history says about the messages in it. */
export type Verdict = {
  readonly sent: number;
  readonly confirmed: number;
  /** Messages that arrived at least once. */
  readonly delivered: number;
  /** Confirmed, and never arrived; or rejected at its one arrival. */
  readonly lost: readonly number[];
  /** Arrivals that nobody sent, or with another body, or on another queue. */
  readonly unexpected: readonly string[];
  /** Arrivals beyond each message's first that say `redelivered`. */
  readonly flagged: number;
  /** Arrivals beyond the first that do not, although it was sent out before them. */
  readonly unflagged: readonly number[];
  /** First deliveries that the network held back until a redelivery had overtaken them. */
  readonly overtaken: number;
  /** First arrivals that say `redelivered`: an earlier delivery never reached a history. */
  readonly flaggedFirst: number;
  readonly masters: number;
  /** How often each fault was done. */
  readonly faults: ReadonlyMap<string, number>;
};

type Got = Event & { readonly kind: 'got' };

/** A queue for what exhausts its deliveries gets messages of its queue, once more, as new ones. */
const deadLetters = /^DLQ\./;

/**
 * Holds what arrived against what was sent. Expects everything to have drained. A broker sends a message without the
 * flag at most once; a network may deliver that one last, so that an unflagged arrival counts as wrong only if it can
 * be told that it was sent after another: both are unflagged, or came on the same session, or its session is younger.
 */
export function judge(events: readonly Event[]): Verdict {
  const sent = new Map<number, Event & { kind: 'sending' }>();
  const confirmed = new Set<number>();
  const opened = new Map<string, number>();
  const arrivals = new Map<number, Got[]>();
  const faults = new Map<string, number>();
  const rejected = new Set<number>();
  const unexpected: string[] = [];
  let masters = 0;
  for (const event of events) {
    switch (event.kind) {
      case 'opened':
        opened.set(event.session, event.at);
        break;
      case 'sending':
        sent.set(event.number, event);
        break;
      case 'confirmed':
        confirmed.add(event.number);
        break;
      case 'rejecting':
        rejected.add(event.number);
        break;
      case 'fault':
        faults.set(event.what, (faults.get(event.what) ?? 0) + 1);
        break;
      case 'master':
        masters++;
        break;
      case 'got': {
        const origin = sent.get(event.number);
        const isSame = origin?.digest === event.digest && origin.queue === event.queue.replace(deadLetters, '');
        if (isSame) arrivals.set(event.number, [...(arrivals.get(event.number) ?? []), event]);
        else unexpected.push(`${event.number} on ${event.queue} at ${event.session}`);
      }
    }
  }
  const all = [...arrivals].flatMap(([number, got]) =>
    [...Map.groupBy(got, ({ queue }) => queue).values()].map((mine) => ({ number, ...compare(mine, opened) })),
  );
  const total = (pick: (one: Comparison) => number) => all.reduce((sum, one) => sum + pick(one), 0);
  return {
    sent: sent.size,
    confirmed: confirmed.size,
    delivered: arrivals.size,
    lost: [
      ...[...confirmed].filter((number) => !arrivals.has(number)),
      ...[...rejected].filter((number) => arrivals.get(number)?.length === 1),
    ],
    unexpected,
    flagged: total((one) => one.flagged),
    unflagged: all.flatMap(({ number, unflagged }) => Array.from({ length: unflagged }, () => number)),
    overtaken: total((one) => one.overtaken),
    flaggedFirst: total((one) => (one.isFlaggedFirst ? 1 : 0)),
    masters,
    faults,
  };
}

type Comparison = {
  readonly flagged: number;
  readonly unflagged: number;
  readonly overtaken: number;
  readonly isFlaggedFirst: boolean;
};

/** Compares the arrivals of one message on one queue, which are in the order of their times. */
function compare(got: readonly Got[], opened: ReadonlyMap<string, number>): Comparison {
  const counts = { flagged: 0, unflagged: 0, overtaken: 0, isFlaggedFirst: got[0]?.redelivered ?? false };
  for (const [i, arrival] of got.entries()) {
    const earlier = got.slice(0, i);
    if (earlier.length === 0) continue;
    if (arrival.redelivered) counts.flagged++;
    else if (earlier.some((before) => wasSentBefore(before, arrival, opened))) counts.unflagged++;
    else counts.overtaken++;
  }
  return counts;
}

function wasSentBefore(before: Got, arrival: Got, opened: ReadonlyMap<string, number>): boolean {
  return (
    !before.redelivered || before.session === arrival.session || before.at < (opened.get(arrival.session) ?? before.at)
  );
}
