import { describe, expect, it } from 'vitest';
import type { Requeue } from '../../../lib/shard/codec/entry.ts';
import { unpack } from '../../../lib/shard/codec/packing.ts';
import { decodeState, encodeState } from '../../../lib/shard/codec/state-codec.ts';
import { NOW, OneShard } from './one-shard.ts';

const SOON = NOW + 1000;

function reject(shard: OneShard, first: number, count: number, attempt: number, requeue: Requeue) {
  return shard.entry({ kind: 'reject', incarnation: 'abcdef', deliveries: [{ first, count, attempt }], requeue });
}

/** One that has these many messages in flight, with a consumer that takes so many. */
function flying(count: number, limits = {}): OneShard {
  const shard = new OneShard(limits);
  shard.take([shard.send(Array(count).fill(0)), shard.join('client-individual', count)]);
  return shard;
}

describe('a message that is rejected for a while', () => {
  it('waits with nobody, gives its room to others, and comes again when its time has come', () => {
    const shard = flying(1);
    const { turn, settled } = shard.take([reject(shard, 1, 1, 1, SOON), shard.send([0])]);
    expect(OneShard.given(turn).map(({ sequence }) => sequence)).toEqual([2]);
    expect(shard.state.delayed).toMatchObject([{ first: 1, count: 1, attempt: 1, failures: 1, until: SOON }]);
    expect(settled.wakeAt).toBe(SOON);
    shard.take([shard.acknowledge(2, 1, 1)]);
    expect(OneShard.given(shard.take([], { now: SOON - 1 }).turn)).toEqual([]);
    const [again] = OneShard.given(shard.take([], { now: SOON }).turn);
    expect(again).toMatchObject({ sequence: 1, attempt: 2, redelivered: true });
    expect(shard.state.delayed).toEqual([]);
  });

  it('cannot be acknowledged, extended or rejected once more meanwhile', () => {
    const shard = flying(1);
    shard.take([reject(shard, 1, 1, 1, SOON)]);
    const [delivery] = [{ first: 1, count: 1, attempt: 1 }];
    const extend = { kind: 'extend', incarnation: 'abcdef', deliveries: [delivery], deadline: NOW + 9000 } as const;
    shard.take([shard.acknowledge(1, 1, 1), shard.entry(extend), reject(shard, 1, 1, 1, 'never')]);
    expect(shard.state).toMatchObject({ delayed: [{ until: SOON, failures: 1 }], counts: { acknowledged: 0 } });
  });

  it('goes at once where its time has passed, or that was its last delivery', () => {
    const past = flying(1);
    expect(OneShard.given(past.take([reject(past, 1, 1, 1, NOW)]).turn)).toMatchObject([{ attempt: 2 }]);
    const last = flying(1, { deliveries: 1 });
    last.take([reject(last, 1, 1, 1, SOON)], {}, 'sent', 'refused');
    expect(last.state).toMatchObject({ delayed: [], outgoing: [{ first: 1, failures: 1 }] });
  });

  it('counts among what may be in flight: nothing more is given out before its time', () => {
    const shard = flying(2, { inFlightPerShard: 2 });
    const times = [2000, 1000].map((ms, i) => reject(shard, i + 1, 1, 1, NOW + ms));
    expect(OneShard.given(shard.take([...times, shard.send([0])]).turn)).toEqual([]);
    expect(shard.state.delayed.map(({ first }) => first)).toEqual([2, 1]);
    const { turn } = shard.take([], { now: NOW + 1000 });
    expect(OneShard.given(turn).map(({ sequence }) => sequence)).toEqual([2]);
  });

  it('waits though its delivery was over before, and is counted once', () => {
    const shard = new OneShard();
    const join = shard.join('client-individual', 2);
    shard.take([shard.send([0, 0]), join]);
    shard.take([shard.entry({ kind: 'leave', consumer: join.id, reason: 'lost' })]);
    shard.take([reject(shard, 1, 1, 1, SOON), reject(shard, 2, 1, 1, 'never')], {}, 'sent', 'refused');
    expect(shard.state).toMatchObject({ returned: [], delayed: [{ first: 1, failures: 1 }] });
    expect(shard.state.outgoing).toMatchObject([{ first: 2, failures: 0, isRefused: true }]);
  });

  it('may wait behind others, but whoever comes first has somebody who sleeps for it', () => {
    const shard = flying(6);
    const at = [50, 40, 30, 20, 2, 10].map((seconds, i) => {
      const until = NOW + seconds * 1000;
      return shard.take([reject(shard, i + 1, 1, 1, until)]).settled.awaitedAt;
    });
    expect(at.map((time) => time && (time - NOW) / 1000)).toEqual([50, 40, 30, 20, 2, undefined]);
    expect(shard.state.awaited.map((time) => (time - NOW) / 1000)).toEqual([2, 20, 30, 40, 50]);
  });

  it('goes with a purge, and its body with it', () => {
    const shard = flying(1);
    shard.take([reject(shard, 1, 1, 1, SOON)]);
    shard.take([shard.entry({ kind: 'purge' })]);
    expect(shard.state).toMatchObject({ delayed: [], held: [], counts: { purged: 1 } });
    expect(shard.discarded).toHaveLength(1);
  });

  it('may have been given out again by a dead master whose clock was ahead, and is flagged then', () => {
    const shard = flying(1);
    shard.take([reject(shard, 1, 1, 1, SOON)]);
    const before = { now: SOON - shard.limits.skewMs, takeover: true };
    shard.decide([], shard.context({ now: SOON }));
    const acknowledged = shard.decide([shard.acknowledge(1, 1, 2)], shard.context(before)).draft;
    expect(acknowledged).toMatchObject({ delayed: [], returned: [], counts: { acknowledged: 1 } });
    shard.take([reject(shard, 1, 1, 2, SOON + 5000)], before);
    expect(shard.state).toMatchObject({ delayed: [{ attempt: 2, failures: 2 }] });
  });

  it('may have been given out again by a dead master, once its time has passed', () => {
    const shard = flying(1);
    shard.take([reject(shard, 1, 1, 1, SOON)]);
    shard.take([shard.acknowledge(1, 1, 2)], { now: SOON, takeover: true });
    expect(shard.state).toMatchObject({ delayed: [], flights: [], counts: { acknowledged: 1 } });
  });

  it('keeps all that its consumers had of it from a cumulative one, up to the message that is named', () => {
    const shard = new OneShard();
    shard.take([shard.send([0, 0, 0]), shard.join('client', 3)]);
    const named = { kind: 'reject-up-to', incarnation: 'abcdef', sequence: 2, deliveryAttempt: 1 } as const;
    shard.take([shard.entry({ ...named, requeue: SOON })]);
    expect(shard.state).toMatchObject({ flights: [{ first: 3, count: 1 }], delayed: [{ first: 1, count: 2 }] });
  });
});

describe('a message that is rejected for good', () => {
  it('is on its way to the dead-letter queue at once, and says why', () => {
    const shard = flying(2);
    shard.take([reject(shard, 1, 1, 1, 'never')], {}, 'sent', 'refused');
    expect(shard.state.outgoing).toEqual([{ first: 1, count: 1, failures: 1, number: 1, isRefused: true }]);
    const { turn } = shard.take([], { now: NOW + 60_000 });
    expect(turn.forwards).toMatchObject([{ messages: [{ sequence: 1, failures: 1, isRefused: true }] }]);
    expect(shard.state).toMatchObject({ outgoing: [], counts: { deadLettered: 1 }, flights: [{ first: 2 }] });
  });

  it('stays in a dead-letter queue, and comes again', () => {
    const shard = flying(1);
    const { turn } = shard.take([reject(shard, 1, 1, 1, 'never')], { deadLetters: false });
    expect(OneShard.given(turn)).toMatchObject([{ sequence: 1, attempt: 2 }]);
  });

  it('is told from one that had its last delivery, beside it', () => {
    const shard = flying(2, { deliveries: 2 });
    shard.take([reject(shard, 1, 2, 1, NOW)]);
    const last = { kind: 'reject', incarnation: 'abcdef', deliveries: [{ first: 1, count: 1, attempt: 2 }] } as const;
    shard.take([reject(shard, 2, 1, 2, 'never'), shard.entry(last)], {}, 'sent', 'refused');
    expect(shard.state.outgoing.map(({ first, isRefused }) => [first, isRefused])).toEqual([
      [2, true],
      [1, undefined],
    ]);
  });

  it('is dead-lettered by a takeover, too, though its deadline passed before that', () => {
    const shard = new OneShard();
    shard.take([shard.send([0]), shard.entry({ kind: 'receive', max: 1, deadline: NOW + 10 })]);
    shard.take([reject(shard, 1, 1, 1, 'never')], { takeover: true, now: NOW + 11 }, 'sent', 'refused');
    expect(shard.state).toMatchObject({ returned: [], outgoing: [{ first: 1, failures: 1, isRefused: true }] });
  });

  it('is dead-lettered though it is not persistent, and its push was interrupted', () => {
    const shard = new OneShard();
    shard.take([shard.send([0], true), shard.join('client-individual', 1)]);
    const [flight] = shard.state.flights;
    shard.state = { ...shard.state, flights: flight ? [{ ...flight, pushing: true }] : [] };
    shard.take([reject(shard, 1, 1, 1, 'never')], { takeover: true }, 'sent', 'refused');
    expect(shard.state).toMatchObject({ outgoing: [{ first: 1 }], counts: { dropped: 0 } });
  });

  it('is of the last delivery of a cumulative consumer, where all of them are over', () => {
    const shard = new OneShard();
    const join = shard.join('client', 2);
    shard.take([shard.send([0, 0]), join]);
    shard.take([shard.entry({ kind: 'leave', consumer: join.id, reason: 'lost' })]);
    const named = { kind: 'reject-up-to', incarnation: 'abcdef', sequence: 2, deliveryAttempt: 1 } as const;
    shard.take([shard.entry({ ...named, requeue: 'never' })], {}, 'sent', 'refused');
    expect(shard.state).toMatchObject({ returned: [{ first: 1 }], outgoing: [{ first: 2, count: 1 }] });
  });

  it('is not, where the delivery was answered already', () => {
    const shard = flying(1);
    shard.take([reject(shard, 1, 1, 1, NOW)]);
    shard.take([reject(shard, 1, 1, 1, 'never')]);
    expect(shard.state.outgoing).toEqual([]);
  });
});

it('a state without delays is written as code wrote it that knew of none', () => {
  const shard = flying(1);
  const before = encodeState(shard.state);
  shard.take([reject(shard, 1, 1, 1, SOON)]);
  const after = encodeState(shard.state);
  const versionOf = (bytes: Uint8Array) => unpack('state', bytes, ([version]) => version);
  expect([before, after].map(versionOf)).toEqual([1, 4]);
  expect(decodeState(Uint8Array.from(after))).toEqual(shard.state);
});
