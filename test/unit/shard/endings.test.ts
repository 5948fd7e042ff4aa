import { describe, expect, it } from 'vitest';
import { NOW, OneShard } from './one-shard.ts';

const reject = (first: number, count: number, attempt: number) =>
  ({ kind: 'reject', incarnation: 'abcdef', deliveries: [{ first, count, attempt }] }) as const;

/** Who joins by this is of a process that ends with its epoch. */
const joinOf = (shard: OneShard, epoch: string, prefetch: number) => ({
  ...shard.join('client-individual', prefetch),
  connection: `${epoch}-connection`,
});

describe('an acknowledgement holds', () => {
  it.each([false, true])('that was in the inbox when its process died (takeover: %s)', (takeover) => {
    const shard = new OneShard();
    shard.take([shard.send([0]), joinOf(shard, 'e1', 1)], { epoch: 'e1' });
    shard.take([shard.acknowledge(1, 1, 1)], { epoch: 'e2', takeover });
    expect(shard.state).toMatchObject({ flights: [], returned: [], consumers: [], counts: { acknowledged: 1 } });
  });

  it('that comes after a push found its connection gone', () => {
    const shard = new OneShard();
    shard.take([shard.send([0, 0]), shard.join('client-individual', 3)]);
    shard.take([shard.send([0])], {}, 'gone');
    expect(shard.state.returned).toMatchObject([{ first: 1, count: 1, lost: true }, { first: 2 }, { first: 3 }]);
    shard.take([shard.acknowledge(1, 2, 1)]);
    expect(shard.state).toMatchObject({ returned: [{ first: 3, count: 1 }], counts: { acknowledged: 2 } });
  });

  it('of a delivery whose deadline passed under a dead master', () => {
    const shard = new OneShard();
    const pull = shard.entry({ kind: 'receive', max: 1, deadline: NOW + 10 });
    shard.take([shard.send([0]), pull]);
    shard.take([shard.acknowledge(1, 1, 1)], { takeover: true, now: NOW + 10 });
    expect(shard.state).toMatchObject({ flights: [], returned: [], counts: { acknowledged: 1 } });
  });

  it('of the delivery before one that a dead master may have made', () => {
    const shard = new OneShard();
    shard.take([shard.send([0]), joinOf(shard, 'e1', 1)], { epoch: 'e1' });
    shard.take([], { epoch: 'e2' });
    const { turn } = shard.take([joinOf(shard, 'e2', 1), shard.acknowledge(1, 1, 1)], { epoch: 'e2', takeover: true });
    expect(OneShard.given(turn)).toEqual([]);
    expect(shard.state.counts.acknowledged).toBe(1);
  });

  it('no longer when the delivery was rejected, or its deadline passed under a master that lives', () => {
    const shard = new OneShard();
    shard.take([shard.send([0, 0]), shard.entry({ kind: 'receive', max: 2, deadline: NOW + 10 })]);
    shard.take([shard.entry(reject(1, 1, 1))]);
    shard.take([], { now: NOW + 10 });
    shard.take([shard.acknowledge(1, 2, 1)], { now: NOW + 11 });
    expect(shard.state).toMatchObject({ returned: [{ first: 1, count: 2 }], counts: { acknowledged: 0 } });
  });
});

describe('a connection that is lost', () => {
  it('counts as a failure of the oldest message of each of its consumers, and of no other', () => {
    const shard = new OneShard();
    const consumer = shard.join('client-individual', 3);
    shard.take([shard.send([0, 0, 0]), consumer]);
    shard.take([shard.entry({ kind: 'leave', consumer: consumer.id, reason: 'lost' })]);
    expect(shard.state.returned).toMatchObject([
      { first: 1, count: 1, failures: 1, redelivered: true },
      { first: 2, count: 2, failures: 0, redelivered: true },
    ]);
  });

  it('has a message that kills its consumers dead-lettered, and none of those behind it', () => {
    const shard = new OneShard({ deliveries: 3 });
    shard.take([shard.send([0, 0, 0, 0])]);
    for (let i = 0; i < 3; i++) {
      const consumer = shard.join('client-individual', 4);
      shard.take([consumer]);
      shard.take([shard.entry({ kind: 'leave', consumer: consumer.id, reason: 'lost' })]);
    }
    expect(shard.state.counts.deadLettered).toBe(1);
    expect(shard.state.returned).toMatchObject([{ first: 2, count: 3, failures: 0 }]);
  });

  it('counts none of what its consumer gave back itself', () => {
    const shard = new OneShard();
    const consumer = shard.join('client-individual', 2);
    shard.take([shard.send([0, 0]), consumer]);
    shard.take([shard.entry({ kind: 'leave', consumer: consumer.id, reason: 'unsubscribed' })]);
    expect(shard.state.returned).toMatchObject([{ first: 1, count: 2, failures: 0 }]);
  });

  it('lets no rejection count a second time that was on its way', () => {
    const shard = new OneShard();
    const consumer = shard.join('client-individual', 1);
    shard.take([shard.send([0]), consumer]);
    shard.take([shard.entry({ kind: 'leave', consumer: consumer.id, reason: 'lost' }), shard.entry(reject(1, 1, 1))]);
    expect(shard.state.returned).toMatchObject([{ first: 1, failures: 1 }]);
  });
});

it('a rejection counts once, however often it is repeated, after a takeover too', () => {
  const shard = new OneShard();
  shard.take([shard.send([0]), shard.join('client-individual', 1)]);
  const entry = shard.entry(reject(1, 1, 1));
  const leave = shard.state.consumers.map(({ id }) =>
    shard.entry({ kind: 'leave', consumer: id, reason: 'unsubscribed' }),
  );
  shard.take([entry, { ...entry, attempt: 2 }, ...leave], { takeover: true });
  expect(shard.state.returned).toMatchObject([{ first: 1, failures: 1 }]);
});

it('a rejection by message id counts once, though its repeat finds the message with the same consumer again', () => {
  const shard = new OneShard();
  const consumer = shard.join('client-individual', 1);
  const send = shard.send([0]);
  shard.take([send, consumer]);
  const key = 'key' in send ? send.key : '';
  const entry = shard.entry({ kind: 'reject-message', consumer: consumer.id, key, index: 0, upTo: false });
  shard.take([entry]);
  expect(shard.state.flights).toMatchObject([{ first: 1, attempt: 2, failures: 1 }]);
  for (let i = 0; i < 20; i++) shard.take([shard.send([0], false)]);
  shard.take([{ ...entry, attempt: 2 }]);
  expect(shard.state.flights).toMatchObject([{ first: 1, attempt: 2, failures: 1 }]);
});

it('after a takeover, a message is flagged that was pushed behind one whose deadline had passed', () => {
  const shard = new OneShard();
  shard.take([shard.send([0]), shard.entry({ kind: 'receive', max: 1, deadline: NOW + 1 })]);
  // Message 2 went to the consumer before its master died; the deadline of message 1 passed after that.
  const inbox = [shard.send([0]), shard.join('auto', 1)];
  expect(OneShard.given(shard.decide(inbox, shard.context()))).toMatchObject([{ sequence: 2 }]);
  const { turn } = shard.take(inbox, { takeover: true, now: NOW + 1 });
  const again = [...OneShard.given(turn), ...OneShard.given(shard.take([], { now: NOW + 1 }).turn)];
  expect(again).toMatchObject([
    { sequence: 1, redelivered: true },
    { sequence: 2, redelivered: true },
  ]);
});
