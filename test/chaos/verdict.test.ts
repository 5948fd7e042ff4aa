import { expect, it } from 'vitest';
import type { Event, Moment } from './history.ts';
import { judge } from './verdict.ts';

function eventsOf(moments: readonly Moment[]): Event[] {
  return moments.map((moment, at) => ({ at, ...moment }));
}

const sending = (number: number): Moment => ({ kind: 'sending', number, queue: 'q', digest: `d${number}` });
const confirmed = (number: number): Moment => ({ kind: 'confirmed', number });
const opened = (session: string): Moment => ({ kind: 'opened', session });
const got = (number: number, session: string, redelivered = false, queue = 'q'): Moment => {
  return { kind: 'got', number, queue, digest: `d${number}`, redelivered, session };
};

it('a confirmed message that never arrived is lost, one that was not confirmed is not', () => {
  const verdict = judge(eventsOf([sending(1), confirmed(1), sending(2), sending(3), confirmed(3), got(3, 's')]));
  expect(verdict).toMatchObject({ sent: 3, confirmed: 2, delivered: 1, lost: [1] });
});

it('an arrival that nobody sent, with another body or on another queue, is unexpected', () => {
  const other = { ...got(1, 's'), digest: 'other' } as Moment;
  const verdict = judge(eventsOf([sending(1), got(2, 's'), other, got(1, 's', false, 'p')]));
  expect(verdict.unexpected).toHaveLength(3);
});

it('a second arrival without the flag is unflagged, one with it is flagged', () => {
  const verdict = judge(eventsOf([sending(1), sending(2), got(1, 's'), got(1, 't'), got(2, 's'), got(2, 't', true)]));
  expect(verdict).toMatchObject({ flagged: 1, unflagged: [1] });
});

it('an unflagged arrival on a session that opened after a flagged one is unflagged', () => {
  const verdict = judge(eventsOf([sending(1), opened('s'), got(1, 's', true), opened('t'), got(1, 't')]));
  expect(verdict).toMatchObject({ unflagged: [1], flaggedFirst: 1 });
});

it('a first delivery that the network held back, and a redelivery overtook, is no wrong', () => {
  const verdict = judge(eventsOf([sending(1), opened('s'), opened('t'), got(1, 't', true), got(1, 's')]));
  expect(verdict).toMatchObject({ unflagged: [], overtaken: 1 });
});

it('a dead letter is a message of its own, and a delivery of the one that was sent', () => {
  const verdict = judge(eventsOf([sending(1), confirmed(1), got(1, 's'), got(1, 's', false, 'DLQ.q')]));
  expect(verdict).toMatchObject({ lost: [], unflagged: [], unexpected: [] });
});

it('a message that was rejected and never came again is lost, whether it was confirmed or not', () => {
  const rejecting = (number: number): Moment => ({ kind: 'rejecting', number });
  const moments = [sending(1), got(1, 's'), rejecting(1), sending(2), got(2, 's'), rejecting(2), got(2, 's', true)];
  expect(judge(eventsOf(moments)).lost).toEqual([1]);
});
