import { describe, expect, it } from 'vitest';
import { finishTurn } from '../../../lib/shard/turn.ts';
import { NOW, OneShard } from './one-shard.ts';

const UNKNOWN_POST_MS = 1000;
const later = { now: NOW + UNKNOWN_POST_MS };

/** A consumer that acknowledges cumulatively by message id, on a shard of its own. */
function cumulative(prefetch: number) {
  const shard = new OneShard({ unknownPostMs: UNKNOWN_POST_MS });
  const join = shard.join('client', prefetch);
  shard.take([join]);
  const places = new Map<number, { key: string; index: number }>();
  const send = (count: number) => {
    const entry = shard.send(Array(count).fill(0));
    const key = 'key' in entry ? entry.key : '';
    for (let index = 0; index < count; index++) places.set(places.size + 1, { key, index });
    return entry;
  };
  /** Acknowledges a message and all before it, by its id. */
  const upTo = (sequence: number, consumer = join.id) => {
    const { key, index } = places.get(sequence) ?? { key: '', index: 0 };
    return shard.entry({ kind: 'acknowledge-message', consumer, key, index, upTo: true });
  };
  /** Rejects them likewise. */
  const rejectUpTo = (sequence: number) => {
    const { key, index } = places.get(sequence) ?? { key: '', index: 0 };
    return shard.entry({ kind: 'reject-message', consumer: join.id, key, index, upTo: true });
  };
  /** A turn that commits, and dies while it pushes. */
  const dieInPush = (...entries: Parameters<OneShard['take']>[0]) => {
    const context = shard.context();
    const { draft } = shard.decide(entries, context);
    shard.state = finishTurn(draft, { pushed: new Map() }, context).state;
  };
  const inFlight = () =>
    shard.state.flights.flatMap(({ first, count }) => Array.from({ length: count }, (_, i) => first + i));
  return { shard, consumer: join.id, send, upTo, rejectUpTo, dieInPush, inFlight };
}

describe('a cumulative acknowledgement by the id of a message that its consumer may have had twice', () => {
  it('leaves what came between the two, where nobody heard whether the first one arrived', () => {
    const { shard, send, upTo, inFlight } = cumulative(3);
    shard.take([send(1)], {}, 'unknown');
    shard.take([send(1)]);
    shard.take([], later);
    expect(inFlight()).toEqual([2, 1]);
    shard.take([upTo(1)], later);
    expect(inFlight()).toEqual([2]);
    shard.take([upTo(2)], later);
    expect(shard.state).toMatchObject({ flights: [], counts: { acknowledged: 2 } });
  });

  it('leaves what came between the two, where a dead master was pushing it', () => {
    const { shard, send, upTo, dieInPush, inFlight } = cumulative(2);
    dieInPush(send(1));
    // Somebody else holds it for a while; meanwhile the consumer gets another message.
    const pull = shard.entry({ kind: 'receive', max: 1, deadline: NOW + 10 });
    shard.take([pull, send(1)], { takeover: true });
    shard.take([], { now: NOW + 10 });
    expect(inFlight()).toEqual([2, 1]);
    shard.take([upTo(1)], { now: NOW + 10 });
    expect(inFlight()).toEqual([2]);
  });

  it('ends all that was in one push with it, and before it', () => {
    const { shard, send, upTo, dieInPush, inFlight } = cumulative(4);
    dieInPush(send(3));
    shard.take([send(1)], { takeover: true });
    expect(inFlight()).toEqual([1, 2, 3, 4]);
    shard.take([upTo(2)]);
    expect(inFlight()).toEqual([3, 4]);
    shard.take([upTo(4)]);
    expect(inFlight()).toEqual([]);
  });

  it('ends what had arrived before the push of which nobody knows', () => {
    const { shard, send, upTo, dieInPush, inFlight } = cumulative(4);
    shard.take([send(1)]);
    dieInPush(send(2));
    shard.take([], { takeover: true });
    expect(inFlight()).toEqual([1, 2, 3]);
    shard.take([upTo(3)]);
    expect(inFlight()).toEqual([]);
  });

  it('leaves a message of which no delivery is known to have arrived before it', () => {
    const { shard, send, upTo, dieInPush, inFlight } = cumulative(4);
    shard.take([send(1)], {}, 'unknown');
    dieInPush(send(1));
    shard.take([], { ...later, takeover: true });
    expect(inFlight()).toEqual([1, 2]);
    shard.take([upTo(2)], later);
    expect(inFlight()).toEqual([1]);
  });

  it('ends all before it, where it was another consumer that had it before', () => {
    const { shard, consumer, send, upTo, inFlight } = cumulative(2);
    shard.take([send(1)], {}, 'unknown');
    const next = shard.join('client', 2);
    shard.take([shard.entry({ kind: 'leave', consumer, reason: 'lost' }), next], later);
    shard.take([send(1)], later);
    expect(inFlight()).toEqual([1, 2]);
    shard.take([upTo(2, next.id)], later);
    expect(inFlight()).toEqual([]);
  });

  it('leaves what came between the two, where the rejection of the first one overtook it', () => {
    const { shard, send, upTo, rejectUpTo, inFlight } = cumulative(3);
    shard.take([send(3)]);
    shard.take([rejectUpTo(2)]);
    expect(inFlight()).toEqual([3, 1, 2]);
    shard.take([upTo(1)]);
    expect(inFlight()).toEqual([3, 2]);
    shard.take([upTo(2)]);
    expect(inFlight()).toEqual([3]);
    shard.take([upTo(3)]);
    expect(shard.state).toMatchObject({ flights: [], counts: { acknowledged: 3 } });
  });

  it('leaves a message of which a dead master may not have begun the push', () => {
    const { shard, send, upTo, dieInPush, inFlight } = cumulative(2);
    dieInPush(send(1));
    shard.take([shard.entry({ kind: 'receive', max: 1, deadline: NOW + 10 })], { takeover: true });
    dieInPush(send(1));
    shard.take([], { takeover: true, now: NOW + 10 });
    expect(inFlight()).toEqual([1, 2]);
    shard.take([upTo(2)], { now: NOW + 10 });
    expect(inFlight()).toEqual([1]);
  });

  it('leaves what came with the first and the third delivery, where the second may be meant', () => {
    const { shard, send, upTo, inFlight } = cumulative(2);
    shard.take([send(2)], {}, 'unknown');
    const pull = shard.entry({ kind: 'receive', max: 1, deadline: NOW + 2000 });
    shard.take([pull], later, 'unknown');
    shard.take([], { now: NOW + 2000 });
    expect(inFlight()).toEqual([1, 2]);
    shard.take([upTo(2)], { now: NOW + 2000 });
    expect(inFlight()).toEqual([1]);
  });

  it('ends one message alone that two consumers had, though its neighbours are in one range with it', () => {
    const { shard, consumer, send, upTo, inFlight } = cumulative(2);
    const other = shard.join('client', 2);
    const withoutFirst = { refused: new Map([[consumer, NOW + 99_999]]) };
    const withoutOther = { refused: new Map([[other.id, NOW + 99_999]]) };
    const pull = shard.entry({ kind: 'receive', max: 1, deadline: NOW + 1000 });
    shard.take([pull, send(2)], {}, 'unknown');
    shard.take([other], { now: NOW + 1000, ...withoutFirst }, 'unknown');
    shard.take([], { now: NOW + 2000, ...withoutOther }, 'unknown');
    shard.take([], { now: NOW + 3000, ...withoutOther });
    expect(inFlight()).toEqual([1, 2]);
    shard.take([upTo(2)], { now: NOW + 3000, ...withoutOther });
    expect(inFlight()).toEqual([1]);
  });

  it('ends nothing of another push of the same millisecond of which nobody heard', () => {
    const { shard, send, upTo, inFlight } = cumulative(2);
    shard.take([send(1)], {}, 'unknown');
    shard.take([send(1)], {}, 'unknown');
    shard.take([upTo(2)]);
    expect(inFlight()).toEqual([1]);
  });

  it('knows nothing any more of a consumer that left', () => {
    const { shard, consumer, send } = cumulative(3);
    shard.take([send(1)], {}, 'unknown');
    shard.take([send(1)]);
    shard.take([], later);
    expect(shard.state.flights.every(({ unanswered }) => unanswered?.consumer === 1)).toBe(true);
    shard.take([shard.entry({ kind: 'leave', consumer, reason: 'unsubscribed' })], later);
    expect(shard.state.returned).toHaveLength(2);
    expect(shard.state.returned.some(({ unanswered }) => unanswered)).toBe(false);
  });
});

describe('what an acknowledgement by message id leaves', () => {
  it('comes back after a while, uncounted, so that a consumer that waits for a full window gets more', () => {
    const { shard, send, upTo, rejectUpTo, inFlight } = cumulative(3);
    shard.take([send(3)]);
    shard.take([rejectUpTo(2)]);
    shard.take([upTo(2), send(4)]);
    expect(inFlight()).toEqual([3, 4, 5]);
    shard.take([], later);
    expect(inFlight()).toEqual([4, 5, 3]);
    expect(shard.state.flights.at(-1)).toMatchObject({ first: 3, failures: 0, redelivered: true });
    shard.take([upTo(3)], later);
    expect(inFlight()).toEqual([4, 5, 6]);
  });

  it('is nothing where a consumer answers what it answered already', () => {
    const { shard, send, upTo } = cumulative(5);
    shard.take([send(5)]);
    shard.take([upTo(3)]);
    shard.take([upTo(1), upTo(2)]);
    expect(shard.state.flights).toMatchObject([{ first: 4, count: 2, deadline: 0 }]);
  });

  it('is ended by the next one all the same', () => {
    const { shard, send, upTo, rejectUpTo } = cumulative(4);
    shard.take([send(3)]);
    shard.take([rejectUpTo(2)]);
    shard.take([upTo(2), send(1)]);
    shard.take([upTo(4)]);
    expect(shard.state).toMatchObject({ flights: [], returned: [], counts: { acknowledged: 4 } });
  });

  it('is all but the message, where that is the second copy of one', () => {
    const shard = new OneShard({ referencesPerLevel: 3 });
    const sends = Array.from({ length: 24 }, () => shard.send([0]));
    shard.take(sends);
    const twice = sends[2];
    if (twice?.kind !== 'send') throw new Error('no third entry');
    shard.take([{ ...twice, attempt: 2 }]);
    const join = shard.join('client', 100);
    shard.take([join]);
    const { key } = twice;
    const named = { kind: 'acknowledge-message', consumer: join.id, key, index: 0, upTo: true } as const;
    shard.take([shard.entry(named)]);
    expect(shard.state).toMatchObject({ counts: { acknowledged: 1 } });
    shard.take([shard.entry(named)]);
    expect(shard.state).toMatchObject({ counts: { acknowledged: 2 } });
  });
});

/** A consumer that has 22 messages, of which the last is the second copy of the third. */
function windowWithCopy() {
  const shard = new OneShard({ referencesPerLevel: 3, unknownPostMs: UNKNOWN_POST_MS });
  const sends = Array.from({ length: 21 }, () => shard.send([0]));
  shard.take(sends);
  const twice = sends[2];
  if (twice?.kind !== 'send') throw new Error('no third entry');
  shard.take([{ ...twice, attempt: 2 }]);
  const join = shard.join('client', 22);
  shard.take([join]);
  const answer = (kind: 'acknowledge-message' | 'reject-message') =>
    shard.entry({ kind, consumer: join.id, key: twice.key, index: 0, upTo: true });
  return { shard, answer };
}

describe('an answer by the id of a message that is there twice', () => {
  it('leaves nothing behind the first one for ever, where the second one is meant', () => {
    const { shard, answer } = windowWithCopy();
    shard.take([answer('acknowledge-message')]);
    expect(shard.state.flights.every(({ deadline }) => deadline === NOW + UNKNOWN_POST_MS)).toBe(true);
    expect(shard.state.counts.acknowledged).toBe(1);
  });

  it('gives all of them back at once, where it is a rejection', () => {
    const { shard, answer } = windowWithCopy();
    const { turn } = shard.take([answer('reject-message')]);
    expect(OneShard.given(turn)).toHaveLength(22);
    expect(shard.state.flights.map(({ first, failures }) => [first, failures])).toEqual([
      [1, 0],
      [3, 1],
      [4, 0],
      [22, 0],
    ]);
  });
});

describe('a rejection by message id', () => {
  it('gives back what it may mean: what its consumer acknowledges later ends nothing of that', () => {
    const { shard, consumer, send, upTo, rejectUpTo, inFlight } = cumulative(3);
    shard.take([send(1)], {}, 'unknown');
    shard.take([send(1)]);
    shard.take([], later);
    const pull = shard.entry({ kind: 'receive', max: 2, deadline: NOW + 9000 });
    shard.take([rejectUpTo(1), pull], { ...later, refused: new Map([[consumer, NOW + 9000]]) });
    shard.take([send(1)], later);
    expect(inFlight()).toEqual([1, 2, 3]);
    shard.take([upTo(3)], later);
    expect(inFlight()).toEqual([1, 2]);
    expect(shard.state.counts.acknowledged).toBe(1);
  });

  it('is an answer: what it gave back was not there before what came since', () => {
    const { shard, send, upTo, rejectUpTo, inFlight } = cumulative(2);
    shard.take([send(1)]);
    const pull = shard.entry({ kind: 'receive', max: 1, deadline: NOW + 500 });
    shard.take([rejectUpTo(1), pull]);
    shard.take([send(1)], {}, 'unknown');
    shard.take([], later);
    expect(inFlight()).toEqual([1, 2]);
    shard.take([upTo(2)], later);
    expect(inFlight()).toEqual([1]);
  });

  it('gives back what may be meant, where its message is not with its consumer any more', () => {
    const { shard, send, rejectUpTo, inFlight } = cumulative(2);
    shard.take([send(1)], {}, 'unknown');
    shard.take([send(1)]);
    const pull = shard.entry({ kind: 'receive', max: 2, deadline: NOW + 9000 });
    shard.take([pull], later);
    shard.take([rejectUpTo(1), shard.entry({ kind: 'receive', max: 2, deadline: NOW + 9000 })], later);
    expect(inFlight()).toEqual([1, 2]);
    expect(shard.state.flights[1]).toMatchObject({ first: 2, failures: 0, redelivered: true });
  });
});

describe('an acknowledgement by message id whose first attempt never arrived', () => {
  it('recalls what it may mean all the same', () => {
    const { shard, send, upTo } = cumulative(2);
    shard.take([send(1)], {}, 'unknown');
    shard.take([send(1)]);
    shard.take([shard.entry({ kind: 'receive', max: 1, deadline: NOW + 9000 })], later);
    shard.take([{ ...upTo(1), attempt: 2 }], later);
    const mine = shard.state.flights.filter(({ first }) => first === 2);
    expect(mine).toMatchObject([{ deadline: later.now + UNKNOWN_POST_MS, arrived: true }]);
  });
});

describe('a delivery that its consumer had extended', () => {
  it('counts once its time is over, whatever the mode', () => {
    const { shard, send } = cumulative(1);
    shard.take([send(1)]);
    const deliveries = [{ first: 1, count: 1, attempt: 1 }];
    shard.take([shard.entry({ kind: 'extend', incarnation: 'abcdef', deliveries, deadline: NOW + 10 })]);
    shard.take([], { now: NOW + 10 });
    expect(shard.state.flights).toMatchObject([{ first: 1, failures: 1 }]);
  });
});

describe('what is not persistent', () => {
  it('does not come back that an acknowledgement by message id left', () => {
    const { shard, send, upTo, inFlight } = cumulative(2);
    shard.take([send(1)], {}, 'unknown');
    shard.take([shard.send([0], true)]);
    shard.take([], later);
    shard.take([upTo(1)], later);
    expect(inFlight()).toEqual([2]);
    shard.take([], { now: later.now + UNKNOWN_POST_MS });
    expect(shard.state).toMatchObject({ flights: [], returned: [], counts: { dropped: 1 } });
  });

  it('goes to nobody else whose push nobody heard of, where its connection is lost before its time', () => {
    const { shard, consumer } = cumulative(2);
    shard.take([shard.send([0], true)], {}, 'unknown');
    const leave = shard.entry({ kind: 'leave', consumer, reason: 'lost' });
    const { turn } = shard.take([leave, shard.join('client-individual', 2)]);
    expect(OneShard.given(turn)).toEqual([]);
    expect(shard.state.counts.dropped).toBe(1);
  });

  it('does not come back that a process had sent which died', () => {
    const { shard } = cumulative(2);
    shard.take([shard.send([0], true), shard.send([0])]);
    shard.take([shard.join('client-individual', 2)], { epoch: 'next', takeover: true });
    expect(shard.state).toMatchObject({ returned: [{ first: 2 }], counts: { dropped: 1 } });
  });
});

describe('a push of which nobody heard', () => {
  it('keeps its room for a while only, where it is not persistent', () => {
    const { shard, inFlight } = cumulative(2);
    shard.take([shard.send([0], true)], {}, 'unknown');
    shard.take([shard.send([0, 0])]);
    expect(inFlight()).toEqual([1, 2]);
    shard.take([], later);
    expect(inFlight()).toEqual([2, 3]);
    expect(shard.state.counts.dropped).toBe(1);
  });

  it('waits for no other delivery, however far that was extended', () => {
    const { shard, send } = cumulative(3);
    shard.take([send(1)]);
    const first = { first: 1, count: 1, attempt: 1 };
    const extend = { kind: 'extend', incarnation: 'abcdef', deliveries: [first] } as const;
    shard.take([shard.entry({ ...extend, deadline: NOW + 43_200_000 })]);
    shard.take([send(1)], {}, 'unknown');
    expect(shard.state.flights[1]?.deadline).toBe(NOW + UNKNOWN_POST_MS);
  });

  it('is not taken for one that was extended to the same time', () => {
    const { shard, send, inFlight } = cumulative(3);
    shard.take([send(1)], {}, 'unknown');
    shard.take([send(1)]);
    const second = { first: 2, count: 1, attempt: 1 };
    const extend = { kind: 'extend', incarnation: 'abcdef', deliveries: [second] } as const;
    shard.take([shard.entry({ ...extend, deadline: NOW + UNKNOWN_POST_MS })]);
    const upTo = { kind: 'acknowledge-up-to', incarnation: 'abcdef', sequence: 2, deliveryAttempt: 1 } as const;
    shard.take([shard.entry(upTo)]);
    expect(inFlight()).toEqual([1]);
  });
});
