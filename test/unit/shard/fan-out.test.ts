import { describe, expect, it } from 'vitest';
import { finishTurn } from '../../../lib/shard/turn.ts';
import { viewOf } from '../../../lib/shard/view.ts';
import { NOW, OneShard } from './one-shard.ts';

const topic = (members: number) => ({ audience: members, deadLetters: false });

const sequencesOf = (turn: Parameters<typeof OneShard.given>[0]) => OneShard.given(turn).map((m) => m.sequence);

describe('a turn of a topic', () => {
  it('gives the audience all messages in the order of the inbox, and has nothing left', () => {
    const shard = new OneShard();
    const { turn } = shard.take([shard.send([0, 0]), shard.send([0])], topic(3));
    expect(turn.deliveries).toMatchObject([{ consumer: { ack: 'auto' }, commitFirst: false }]);
    expect(sequencesOf(turn)).toEqual([1, 2, 3]);
    expect(shard.state).toMatchObject({ next: 4, references: [], held: [], flights: [], returned: [], consumers: [] });
    expect(shard.state.counts).toMatchObject({ sent: 3, acknowledged: 3 });
    expect(shard.discarded).toEqual(['batch-1', 'batch-2']);
  });

  it('has its messages done at once, unread, where nobody is there', () => {
    const shard = new OneShard();
    shard.batches.clear();
    const { turn, settled } = shard.take([shard.send([0, 0]), shard.send([0], true)], topic(0));
    expect(turn).toMatchObject({ deliveries: [], missing: [], more: false });
    expect(shard.state).toMatchObject({ references: [], held: [], counts: { sent: 3, acknowledged: 3 } });
    expect(settled.wakeAt).toBeUndefined();
    expect(shard.discarded).toEqual(['batch-1', 'batch-2']);
  });

  it('repeats nothing of a request that was repeated', () => {
    const shard = new OneShard();
    const send = shard.send([0]);
    shard.take([send], topic(1));
    expect(shard.take([{ ...send, attempt: 2 }], topic(1)).turn.deliveries).toEqual([]);
  });

  it('passes over what has expired', () => {
    const shard = new OneShard();
    const { turn } = shard.take([shard.send([NOW - 1, 0, NOW])], topic(2));
    expect(sequencesOf(turn)).toEqual([2]);
    expect(shard.state.counts).toMatchObject({ expired: 2, acknowledged: 1 });
  });

  it('keeps what is too much for one turn for the next, which does not wait for a ring', () => {
    const shard = new OneShard({ turnMessages: 2, referencesPerLevel: 3 });
    const { turn } = shard.take(
      Array.from({ length: 12 }, () => shard.send([0])),
      topic(1),
    );
    expect([sequencesOf(turn), turn.more]).toEqual([[1, 2], true]);
    expect(shard.state.references.some(({ level }) => level > 0)).toBe(true);
    const rest = Array.from({ length: 5 }, () => shard.take([], topic(1)).turn);
    expect(rest.flatMap(sequencesOf)).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(rest.slice(0, 4).map(({ more }) => more)).toEqual([true, true, true, true]);
    expect(shard.state).toMatchObject({ references: [], held: [], counts: { acknowledged: 12 } });
  });

  it('gives a large audience fewer octets at a time, but always a whole post', () => {
    const shard = new OneShard({ turnBytes: 80, postBytes: 20 });
    const sends = () => Array.from({ length: 10 }, () => shard.send([0])); // bodies of 9 octets
    expect(sequencesOf(shard.take(sends(), topic(1)).turn)).toHaveLength(8);
    expect(sequencesOf(shard.take([], topic(1000)).turn)).toHaveLength(2);
  });

  it('commits first where a message is not persistent, and keeps it as being pushed until then', () => {
    const shard = new OneShard();
    const context = shard.context(topic(2));
    const turn = shard.decide([shard.send([0, 0], true)], context);
    expect(turn.deliveries).toMatchObject([{ commitFirst: true }]);
    const { state } = finishTurn(turn.draft, { pushed: new Map() }, context);
    expect(state.flights).toMatchObject([{ first: 1, count: 2, pushing: true, transient: true }]);
    const pushed = new Map(turn.deliveries.map((delivery) => [delivery, 'sent' as const]));
    const after = finishTurn(turn.draft, { pushed }, context);
    expect(after.state).toMatchObject({ flights: [], held: [], counts: { acknowledged: 2 } });
  });
});

describe('after a dead master of a topic', () => {
  it('what it may have pushed goes out again, flagged, and what it cannot have pushed is not', () => {
    const shard = new OneShard({ turnMessages: 2 });
    const { turn } = shard.take([shard.send([0, 0, 0])], { ...topic(5), takeover: true });
    expect(OneShard.given(turn)).toMatchObject([
      { sequence: 1, redelivered: true },
      { sequence: 2, redelivered: true },
    ]);
    expect(OneShard.given(shard.take([], topic(5)).turn)).toMatchObject([{ sequence: 3, redelivered: false }]);
    expect(shard.state).toMatchObject({ returned: [], flights: [], counts: { sent: 3, acknowledged: 3 } });
  });

  it('what is not persistent and was being pushed is dropped, and counted', () => {
    const shard = new OneShard();
    const context = shard.context(topic(2));
    const { draft } = shard.decide([shard.send([0], true)], context);
    shard.state = finishTurn(draft, { pushed: new Map() }, context).state;
    const { turn } = shard.take([], { ...topic(2), takeover: true });
    expect(turn.deliveries).toEqual([]);
    expect(shard.state).toMatchObject({ flights: [], counts: { dropped: 1 } });
  });

  it('what is not persistent and was not committed goes out for the first time, unflagged', () => {
    const shard = new OneShard();
    const { turn } = shard.take([shard.send([0], true)], { ...topic(2), takeover: true });
    expect(OneShard.given(turn)).toMatchObject([{ sequence: 1, redelivered: false }]);
  });

  it('nothing is left where the audience has gone', () => {
    const shard = new OneShard();
    shard.take([shard.send([0, 0])], { ...topic(0), takeover: true });
    expect(shard.state).toMatchObject({ returned: [], references: [], held: [], counts: { acknowledged: 2 } });
  });
});

it('a topic has work whenever a message is ready, whoever is there', () => {
  const shard = new OneShard();
  const send = shard.send([0]);
  expect(viewOf(shard.state, [send], shard.context(topic(0))).hasWork).toBe(true);
  expect(viewOf(shard.state, [send], shard.context()).hasWork).toBe(false);
  expect(viewOf(shard.state, [], shard.context(topic(0))).hasWork).toBe(false);
});
