import { describe, expect, it } from 'vitest';
import type { AckMode } from '../../../lib/model/message.ts';
import { readyCount } from '../../../lib/shard/state/draft.ts';
import { finishTurn } from '../../../lib/shard/turn.ts';
import { NOW, OneShard } from './one-shard.ts';

const bodiesOf = (turn: Parameters<typeof OneShard.given>[0]) =>
  OneShard.given(turn).map(({ message }) => Buffer.from(message.body).toString());

describe('a push that fails', () => {
  it('dead-letters what is exhausted in the next turn, and wakes the shard for it', () => {
    const shard = new OneShard({ deliveries: 1 });
    const { settled } = shard.take([shard.send([0]), shard.join('client-individual', 5)], {}, 'lost');
    expect(readyCount(settled.state)).toBe(1);
    expect(settled.wakeAt).toBeLessThanOrEqual(NOW + 1000);
    const { turn } = shard.take([]);
    expect(turn.forwards[0]).toMatchObject({ commitFirst: true, mayBeRepeat: false });
    expect(turn.forwards[0]?.messages).toMatchObject([{ sequence: 1, failures: 1, number: 1 }]);
    expect(shard.state).toMatchObject({ outgoing: [], held: [], counts: { deadLettered: 1 } });
    expect(shard.discarded).toEqual(['batch-1']);
  });

  it('leaves the message in a dead-letter queue, however often', () => {
    const shard = new OneShard({ deliveries: 1 });
    shard.take([shard.send([0]), shard.join('client-individual', 5)], { deadLetters: false }, 'lost');
    const { turn } = shard.take([shard.join('auto', 5)], { deadLetters: false });
    expect(OneShard.given(turn)).toMatchObject([{ sequence: 1, attempt: 2, failures: 1, redelivered: true }]);
  });

  it('gives to another consumer soon what one that is gone did not get, unflagged', () => {
    const shard = new OneShard();
    shard.take([shard.join('auto', 1), shard.join('auto', 1)]);
    const { settled } = shard.take([shard.send([0])], {}, 'gone');
    expect(settled.wakeAt).toBe(NOW + 1000);
    expect(OneShard.given(shard.take([]).turn)).toMatchObject([{ sequence: 1, redelivered: false }]);
  });

  it('never repeats a transient message of which nothing is known', () => {
    const shard = new OneShard();
    shard.take([shard.send([0], true), shard.join('auto', 5)], {}, 'unknown');
    expect(shard.state).toMatchObject({ flights: [], returned: [], counts: { dropped: 1 } });
  });
});

describe('a purge', () => {
  it('leaves the body of a batch whose first messages are in flight', () => {
    const shard = new OneShard();
    shard.take([shard.send([0, 0]), shard.join('client-individual', 1)]);
    const consumer = shard.state.consumers[0]?.id ?? '';
    shard.take([shard.entry({ kind: 'purge' })]);
    expect(shard.discarded).toEqual([]);
    shard.take([shard.entry({ kind: 'leave', consumer, reason: 'lost' })]);
    const { turn } = shard.take([shard.join('auto', 5)]);
    expect(bodiesOf(turn)).toEqual(['batch-1/0']);
    expect(shard.discarded).toEqual(['batch-1']);
  });
});

describe('a takeover', () => {
  const crashed = (shard: OneShard, ack: AckMode, prefetch: number) => {
    shard.take([shard.join(ack, prefetch)]);
    return [shard.send([0, 0, 0, 0, 0, 0])];
  };

  it('flags as many as the consumer had room for, and no more', () => {
    const shard = new OneShard({ inFlightPerShard: 100 });
    const inbox = [...crashed(shard, 'client-individual', 3), shard.join('client-individual', 2)];
    const { turn } = shard.take([...inbox], { takeover: true });
    expect(OneShard.given(turn).map(({ redelivered }) => redelivered)).toEqual([true, true, true, true, true]);
    const { turn: next } = shard.take([shard.acknowledge(1, 5, 2)]);
    expect(OneShard.given(next)).toMatchObject([{ sequence: 6, attempt: 1, redelivered: false }]);
  });

  it('flags nothing where consumers are cumulative: they get nothing before a commit', () => {
    const shard = new OneShard();
    const { turn } = shard.take(crashed(shard, 'client', 3), { takeover: true });
    expect(OneShard.given(turn).map(({ redelivered }) => redelivered)).toEqual([false, false, false]);
  });

  it('flags what lay behind messages that had expired', () => {
    const shard = new OneShard();
    shard.take([shard.join('client-individual', 1)]);
    const { turn } = shard.take([shard.send([NOW - 1, 0, 0])], { takeover: true });
    expect(OneShard.given(turn)).toMatchObject([{ sequence: 2, redelivered: true }]);
  });

  it('flags what an exhausted delivery made room for', () => {
    const shard = new OneShard({ deliveries: 1, unknownPostMs: 10 });
    shard.take([shard.send([0, 0]), shard.join('client-individual', 1)], {}, 'unknown');
    const { turn } = shard.take([], { takeover: true, now: NOW + 10 });
    expect(turn.forwards[0]?.messages).toMatchObject([{ sequence: 1 }]);
    expect(OneShard.given(turn)).toMatchObject([{ sequence: 2, redelivered: true }]);
  });

  it('flags what a second dead master pushed after acknowledgements of what the first had pushed', () => {
    const shard = new OneShard({ turnMessages: 2 });
    shard.take([shard.join('client-individual', 4)]);
    const inbox = [shard.send([0, 0, 0, 0, 0]), shard.acknowledge(1, 2, 1)];
    const second = shard.decide(inbox, shard.context({ takeover: true }));
    expect(OneShard.given(second).map(({ sequence }) => sequence)).toEqual([3, 4]);
    const { turn: third } = shard.take(inbox, { takeover: true });
    expect(OneShard.given(third)).toMatchObject([
      { sequence: 3, redelivered: true },
      { sequence: 4, redelivered: true },
    ]);
  });

  it('flags what lay behind messages that were exhausted by a push before', () => {
    const shard = new OneShard({ deliveries: 1 });
    shard.take([shard.send([0, 0]), shard.join('client-individual', 1)], {}, 'lost');
    const { turn } = shard.take([shard.join('client-individual', 1)], { takeover: true });
    expect(turn.forwards[0]?.messages).toMatchObject([{ sequence: 1 }]);
    expect(OneShard.given(turn)).toMatchObject([{ sequence: 2, redelivered: true }]);
  });

  it('flags what lay behind a delivery whose deadline had passed, and that one as well', () => {
    const shard = new OneShard();
    shard.take([shard.send([0]), shard.entry({ kind: 'receive', max: 1, deadline: NOW + 1000 })]);
    shard.take([shard.join('auto', 1)]);
    const inbox = [shard.send([0])];
    const dead = shard.decide(inbox, shard.context());
    expect(OneShard.given(dead)).toMatchObject([{ sequence: 2, redelivered: false }]);
    const { turn } = shard.take(inbox, { takeover: true, now: NOW + 1000 });
    const { turn: next } = shard.take([], { now: NOW + 1000 });
    expect([turn, next].flatMap(OneShard.given)).toMatchObject([
      { sequence: 1, redelivered: true },
      { sequence: 2, redelivered: true },
    ]);
  });

  it('commits before it pushes, so that a third master counts on from there', () => {
    const shard = new OneShard();
    const { turn } = shard.take(crashed(shard, 'client-individual', 3), { takeover: true });
    expect(turn.deliveries).toMatchObject([{ commitFirst: true, flights: [{ pushing: true, attempt: 2 }] }]);
  });

  it('numbers a delivery after the one that a dead master may have made of what ended in the same inbox', () => {
    const shard = new OneShard();
    shard.take([shard.send([0]), shard.join('client-individual', 1)]);
    const inbox = [
      shard.entry({ kind: 'reject', incarnation: 'abcdef', deliveries: [{ first: 1, count: 1, attempt: 1 }] }),
    ];
    const dead = shard.decide(inbox, shard.context());
    expect(OneShard.given(dead)).toMatchObject([{ sequence: 1, attempt: 2 }]);
    const { turn } = shard.take(inbox, { takeover: true });
    expect(OneShard.given(turn)).toMatchObject([{ sequence: 1, attempt: 3, redelivered: true }]);
  });

  it('takes the acknowledgement of what a dead master made of what ended in the same inbox', () => {
    const shard = new OneShard();
    shard.take([shard.send([0]), shard.join('client-individual', 1)]);
    const end = { kind: 'reject', incarnation: 'abcdef', deliveries: [{ first: 1, count: 1, attempt: 1 }] } as const;
    const { turn } = shard.take([shard.entry(end), shard.acknowledge(1, 1, 2)], { takeover: true });
    expect(OneShard.given(turn)).toEqual([]);
    expect(shard.state).toMatchObject({ flights: [], returned: [], counts: { acknowledged: 1 } });
  });

  describe('after which a cumulative acknowledgement was receipted', () => {
    const upTo = (sequence: number, deliveryAttempt: number) =>
      ({ kind: 'acknowledge-up-to', incarnation: 'abcdef', sequence, deliveryAttempt }) as const;
    /** The master commits what it is about to push, and dies when it has pushed it. */
    const diedPushing = (transient: boolean) => {
      const shard = new OneShard();
      const context = shard.context();
      const inbox = [shard.send([0, 0]), shard.send([0], transient), shard.join('client', 5)];
      const { draft } = shard.decide(inbox, context);
      shard.state = finishTurn(draft, { pushed: new Map() }, context).state;
      return shard;
    };

    it('ends what it covers of a push that no commit shows, and the rest is flagged', () => {
      const shard = diedPushing(false);
      const { turn } = shard.take([shard.entry(upTo(2, 1))], { takeover: true });
      expect(OneShard.given(turn)).toMatchObject([{ sequence: 3, attempt: 2, redelivered: true }]);
      expect(shard.state.counts.acknowledged).toBe(2);
    });

    it('ends it as well if it names a message that is not persistent', () => {
      const shard = diedPushing(true);
      const { turn } = shard.take([shard.entry(upTo(3, 1))], { takeover: true });
      expect(OneShard.given(turn)).toEqual([]);
      expect(shard.state).toMatchObject({ flights: [], returned: [], counts: { acknowledged: 3, dropped: 0 } });
    });

    it('drops what is not persistent where its consumer left', () => {
      const shard = diedPushing(true);
      const consumer = shard.state.consumers[0]?.id ?? '';
      shard.take([shard.entry({ kind: 'leave', consumer, reason: 'lost' })], { takeover: true });
      expect(shard.state).toMatchObject({ returned: [{ first: 1 }, { first: 2 }], counts: { dropped: 1 } });
    });

    it('ends a delivery whose deadline has passed meanwhile', () => {
      const shard = new OneShard({ unknownPostMs: 10 });
      const context = shard.context();
      const { draft, deliveries } = shard.decide([shard.send([0]), shard.join('client', 5)], context);
      const pushed = new Map(deliveries.map((delivery) => [delivery, 'unknown' as const]));
      shard.state = finishTurn(draft, { pushed }, context).state;
      const { turn } = shard.take([shard.entry(upTo(1, 1))], { takeover: true, now: NOW + 10 });
      expect(OneShard.given(turn)).toEqual([]);
      expect(shard.state.counts.acknowledged).toBe(1);
    });
  });

  it('takes the acknowledgement by its id of a message that a dead master pushed', () => {
    const shard = new OneShard();
    shard.take([shard.join('client-individual', 1)]);
    const consumer = shard.state.consumers[0]?.id ?? '';
    const byId = (index: number) =>
      shard.entry({ kind: 'acknowledge-message', consumer, key: 'batch-2', index, upTo: false });
    const { turn } = shard.take([shard.send([0, 0]), byId(0)], { takeover: true });
    expect(OneShard.given(turn)).toMatchObject([{ sequence: 2 }]);
    expect(shard.state.counts.acknowledged).toBe(1);
  });

  it('drops transient messages that were being pushed, and counts them', () => {
    const shard = new OneShard();
    const context = shard.context();
    const { draft, deliveries } = shard.decide([shard.send([0], true), shard.join('client-individual', 5)], context);
    expect(deliveries).toMatchObject([{ commitFirst: true, flights: [{ pushing: true }] }]);
    shard.state = finishTurn(draft, { pushed: new Map() }, context).state;
    const { turn } = shard.take([], { takeover: true });
    expect(turn.deliveries).toEqual([]);
    expect(shard.state).toMatchObject({ flights: [], returned: [], counts: { dropped: 1 } });
  });
});

describe('a cumulative acknowledgement', () => {
  const upTo = (sequence: number, deliveryAttempt = 1) =>
    ({ kind: 'acknowledge-up-to', incarnation: 'abcdef', sequence, deliveryAttempt }) as const;

  it('ends all that its consumer got up to it, and nothing of others', () => {
    const shard = new OneShard();
    shard.take([shard.join('client', 3), shard.join('client', 3), shard.send([0, 0, 0, 0, 0, 0])]);
    shard.take([shard.entry(upTo(5))]);
    expect(shard.state.flights).toMatchObject([
      { first: 1, count: 3, consumer: 1 },
      { first: 6, count: 1, consumer: 2 },
    ]);
    shard.take([shard.entry(upTo(3)), shard.entry(upTo(6, 2))]);
    expect(shard.state.flights).toMatchObject([{ first: 6, count: 1 }]);
    expect(shard.state.counts.acknowledged).toBe(5);
  });

  it('by a message id ends that message, or all up to it', () => {
    const shard = new OneShard();
    shard.take([shard.send([0, 0, 0, 0]), shard.join('client', 4)]);
    const consumer = shard.state.consumers[0]?.id ?? '';
    const byId = (index: number, isUpTo: boolean) =>
      shard.entry({ kind: 'acknowledge-message', consumer, key: 'batch-1', index, upTo: isUpTo });
    shard.take([byId(2, false)]);
    expect(shard.state.flights.map(({ first, count }) => [first, count])).toEqual([
      [1, 2],
      [4, 1],
    ]);
    shard.take([byId(1, true)]);
    expect(shard.state.flights.map(({ first, count }) => [first, count])).toEqual([[4, 1]]);
  });
});

describe('expiry', () => {
  it('takes a turn’s worth of expired messages at a time', () => {
    const shard = new OneShard({ turnMessages: 2 });
    const { turn } = shard.take([1, 2, 3, 4, 5].map(() => shard.send([NOW - 1])));
    expect(turn.more).toBe(true);
    expect(shard.state.counts.expired).toBe(2);
    for (let turns = 0; turns < 2; turns++) shard.take([]);
    expect(shard.state).toMatchObject({ counts: { expired: 5 }, references: [] });
  });

  it('wakes for one expiry after the other', () => {
    const shard = new OneShard();
    expect(shard.take([shard.send([NOW + 100, NOW + 500, 0])]).settled.wakeAt).toBe(NOW + 100);
    expect(shard.take([], { now: NOW + 100 }).settled.wakeAt).toBe(NOW + 500);
    expect(shard.take([], { now: NOW + 500 }).settled.wakeAt).toBeUndefined();
    expect(shard.state.counts.expired).toBe(2);
  });

  it('does not wake for an expiry that is over, behind a message that stays', () => {
    const shard = new OneShard();
    const { settled } = shard.take([shard.send([0, NOW - 1])]);
    expect(settled.wakeAt).toBeUndefined();
    const { turn } = shard.take([shard.join('auto', 5)]);
    expect(bodiesOf(turn)).toEqual(['batch-1/0']);
    expect(shard.state.counts.expired).toBe(1);
  });

  it('after a takeover, flags what lay behind an expired message that waited', () => {
    const shard = new OneShard();
    shard.take([shard.send([0, NOW - 1, NOW + 500, 0])]);
    const { turn } = shard.take([shard.join('auto', 2)], { takeover: true });
    expect(OneShard.given(turn)).toMatchObject([
      { sequence: 1, redelivered: true },
      { sequence: 3, redelivered: true },
    ]);
  });
});

describe('what is missing', () => {
  it('keeps the messages of a missing batch apart, goes on, and has a purge remove them', () => {
    const shard = new OneShard();
    const inbox = [shard.send([0, 0]), shard.send([0])];
    shard.batches.delete('batch-1');
    const { turn } = shard.take([...inbox, shard.join('auto', 5)]);
    expect(turn.missing).toEqual(['batch-1']);
    expect(bodiesOf(turn)).toEqual(['batch-2/0']);
    expect(shard.state.apart).toEqual([{ first: 1, count: 2, key: 'batch-1' }]);
    expect(shard.state.counts).toMatchObject({ dropped: 0, acknowledged: 1 });
    shard.take([shard.entry({ kind: 'purge' })]);
    expect(shard.state).toMatchObject({ apart: [], counts: { purged: 2 } });
  });

  it('counts non-persistent messages of a missing batch as dropped', () => {
    const shard = new OneShard();
    const send = shard.send([0, 0], true);
    shard.batches.clear();
    shard.take([send, shard.join('auto', 5)]);
    expect(shard.state).toMatchObject({ apart: [], counts: { dropped: 2 } });
  });

  it('tells no more than so many ranges apart, and counts the others as dropped', () => {
    const shard = new OneShard();
    const sends = Array.from({ length: 130 }, () => shard.send([0]));
    for (const [i, { id }] of sends.entries()) if (i % 2 === 0) shard.batches.delete(`batch-${Number(id)}`);
    shard.take([...sends, shard.join('auto', 1000)]);
    expect(shard.state.apart).toHaveLength(64);
    expect(shard.state.counts).toMatchObject({ sent: 130, dropped: 1, acknowledged: 65 });
  });

  it('keeps an outgoing message apart whose body is missing, and forwards the others', () => {
    const shard = new OneShard({ deliveries: 1 });
    shard.take([shard.send([0]), shard.send([0]), shard.join('client-individual', 5)]);
    shard.batches.delete('batch-1');
    const { turn } = shard.take([
      shard.entry({ kind: 'reject', incarnation: 'abcdef', deliveries: [{ first: 1, count: 2, attempt: 1 }] }),
    ]);
    expect(turn.forwards[0]?.messages).toMatchObject([{ sequence: 2, number: 2 }]);
    expect(turn.missing).toEqual(['batch-1']);
    expect(shard.state).toMatchObject({ outgoing: [], apart: [{ first: 1, count: 1 }], counts: { deadLettered: 1 } });
  });

  it.each([false, true])('keeps the messages of a missing page apart, and goes on (takeover: %s)', (takeover) => {
    const shard = new OneShard({ referencesPerLevel: 3 });
    shard.take(Array.from({ length: 20 }, () => shard.send([0])));
    const lost = shard.state.references.find(({ level }) => level > 0);
    if (!lost) throw new Error('nothing rolled up');
    shard.pages.delete(lost.key);
    const bodies = bodiesOf(shard.take([shard.join('auto', 50)], { takeover }).turn);
    expect(bodies).toHaveLength(20 - lost.count);
    expect(new Set(bodies).size).toBe(20 - lost.count);
    expect(shard.state.counts).toMatchObject({ sent: 20, dropped: 0, acknowledged: 20 - lost.count });
    expect(shard.state.apart).toMatchObject([{ first: lost.first, count: lost.count }]);
    expect(shard.state).toMatchObject({ references: [], held: [], returned: [], flights: [] });
  });
});

it('a shard has no more consumers than it may have, whoever comes at once', () => {
  const shard = new OneShard({ consumersPerShard: 2 });
  const [a, b, c] = [shard.join('auto', 1), shard.join('auto', 1), shard.join('auto', 1)];
  shard.take([a, b, c]);
  expect(shard.state.consumers.map(({ id }) => id)).toEqual([a.id, b.id]);
  const d = shard.join('auto', 1);
  shard.take([d, shard.entry({ kind: 'leave', consumer: a.id, reason: 'unsubscribed' })]);
  expect(shard.state.consumers.map(({ id }) => id)).toEqual([b.id, d.id]);
});
