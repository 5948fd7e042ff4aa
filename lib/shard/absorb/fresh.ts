import type { Entry, Run } from '../codec/entry.ts';
import { rememberCopy } from '../state/discard.ts';
import { type Context, type Draft, total } from '../state/draft.ts';
import type { Reference } from '../state/reference.ts';
import { admit, admitForward } from './repeats.ts';

type OwnBatch = {
  readonly key: string;
  readonly runs: readonly Run[];
  readonly born: number;
  readonly sizeBytes?: number;
};

/** Takes messages in that were sent, unless they are here already. */
export function arriveMessages(draft: Draft, entry: Entry & { kind: 'send' }): void {
  const admission = admit(draft, entry);
  const isKnown = (reference: Reference) => reference.level === 0 && reference.key === entry.key;
  // A first attempt may come so late that its repeats are forgotten.
  if (admission === 'repeat' || draft.references.some(isKnown) || draft.held.some(isKnown)) return;
  const flagged = admission === 'untold';
  if (flagged) rememberCopy(draft, entry.key);
  addBatch(draft, entry, flagged);
}

/** Gives the messages of a batch their sequences. */
export function addBatch(draft: Draft, { key, runs, born, sizeBytes }: OwnBatch, flagged: boolean): void {
  const whole = total(runs);
  let offset = 0;
  for (const { count, transient, expires } of runs) {
    addFresh(draft, {
      ...{ key, count, offset, expires, born, transient, flagged, shared: false },
      ...(sizeBytes === undefined ? {} : { sizeBytes }),
      ...(offset > 0 ? { before: offset } : {}),
      ...(whole > offset + count ? { after: whole - offset - count } : {}),
    });
    offset += count;
  }
}

/** Takes messages in that another shard gives up. */
export function arriveForward(draft: Draft, entry: Entry & { kind: 'forward' }, { bodiesExpire }: Context): void {
  const { key, born, sizeBytes } = entry;
  const isKnown = (reference: Reference) => reference.level === 0 && reference.key === key;
  if (draft.references.some(isKnown) || draft.held.some(isKnown)) return;
  const admitted = entry.numbers.flatMap((number, offset) => {
    const admission = admitForward(draft, entry, number);
    return admission === 'repeat' ? [] : [{ offset, flagged: admission === 'untold' }];
  });
  // Whoever forwards again brings the bodies anew, under a key of its own.
  if (admitted.length === 0 && !bodiesExpire) draft.spent.push(key);
  // Where repeats were left out, or flags or persistence differ, one batch has several references.
  const runAt = runsByIndex(entry);
  for (let at = 0; at < admitted.length; ) {
    const { offset, flagged } = admitted[at] as { offset: number; flagged: boolean };
    const { transient, expires } = runAt(offset);
    const follows = (next: (typeof admitted)[number] | undefined, nth: number) =>
      next?.offset === offset + nth && next.flagged === flagged && runAt(next.offset) === runAt(offset);
    let end = at + 1;
    while (follows(admitted[end], end - at)) end++;
    addFresh(draft, {
      ...{ key, count: end - at, offset, expires, born, transient, flagged, shared: false },
      ...(sizeBytes === undefined ? {} : { sizeBytes }),
      ...(at > 0 ? { before: at } : {}),
      ...(admitted.length > end ? { after: admitted.length - end } : {}),
    });
    at = end;
  }
}

/** The run in which a message of the batch lies. Where nothing is said, all are persistent and none expires. */
function runsByIndex({ runs = [], numbers }: Entry & { kind: 'forward' }): (index: number) => Run {
  const plain: Run = { count: numbers.length, transient: false, expires: 0 };
  const all = runs.flatMap((run) => Array<Run>(run.count).fill(run));
  return (index) => all[index] ?? plain;
}

function addFresh(draft: Draft, reference: Omit<Reference, 'level' | 'first'>): void {
  draft.references.push({ level: 0, first: draft.next, ...reference });
  draft.next += reference.count;
  draft.counts.sent += reference.count;
}
