import { describe, expect, it } from 'vitest';
import type { Entry } from '../../../lib/shard/codec/entry.ts';
import { NOW, OneShard } from './one-shard.ts';

const full = { congested: new Set(['slow']) };

function joinOn(shard: OneShard, connection: string): Entry {
  return shard.entry({ kind: 'join', connection, subscription: 's', ack: 'auto', prefetch: 10 });
}

describe('a consumer whose connection takes nothing for now', () => {
  it('is left out, and the others get what is there', () => {
    const shard = new OneShard();
    const { turn } = shard.take([joinOn(shard, 'slow'), joinOn(shard, 'fast'), shard.send([0, 0, 0, 0])], full);
    expect(turn.deliveries.map(({ consumer, messages }) => [consumer.connection, messages.length])).toEqual([
      ['fast', 4],
    ]);
    expect(turn.leftOut).toEqual([]);
  });

  it('is named where something is left for it', () => {
    const shard = new OneShard();
    const { turn } = shard.take([joinOn(shard, 'slow'), joinOn(shard, 'slow'), shard.send([0])], full);
    expect(turn).toMatchObject({ deliveries: [], leftOut: ['slow'], more: false });
    expect(OneShard.given(shard.take([]).turn)).toMatchObject([{ sequence: 1, redelivered: false }]);
  });

  it('is not named while its prefetch is used up', () => {
    const shard = new OneShard();
    const join = shard.entry({
      kind: 'join',
      connection: 'slow',
      subscription: 's',
      ack: 'client-individual',
      prefetch: 1,
    });
    shard.take([join, shard.send([0])]);
    expect(shard.take([shard.send([0])], full).turn.leftOut).toEqual([]);
  });

  it('does not keep a pull from its message', () => {
    const shard = new OneShard();
    const pull = shard.entry({ kind: 'receive', max: 1, deadline: NOW + 1000 });
    const { turn } = shard.take([joinOn(shard, 'slow'), pull, shard.send([0])], full);
    expect(OneShard.given(turn)).toHaveLength(1);
  });
});

describe('a pull that nobody answered', () => {
  function served(shard: OneShard): Entry {
    const pull = shard.entry({ kind: 'receive', max: 1, deadline: NOW + 1000 });
    shard.take([shard.send([0]), pull]);
    return pull;
  }
  const again = (shard: OneShard) => shard.entry({ kind: 'receive', max: 1, deadline: NOW + 1000 });

  it('gives back what it was given, unflagged and uncounted', () => {
    const shard = new OneShard();
    const { id: consumer } = served(shard);
    const { turn } = shard.take([shard.entry({ kind: 'leave', consumer, reason: 'unanswered' }), again(shard)]);
    expect(OneShard.given(turn)).toMatchObject([{ sequence: 1, failures: 0, redelivered: false }]);
  });

  it('gives it back flagged after a dead master, who may have pushed it to somebody else', () => {
    const shard = new OneShard();
    const { id: consumer } = served(shard);
    const leave = shard.entry({ kind: 'leave', consumer, reason: 'unanswered' });
    const { turn } = shard.take([joinOn(shard, 'c'), leave, again(shard)], { takeover: true });
    expect(OneShard.given(turn)).toMatchObject([{ sequence: 1, failures: 0, redelivered: true }]);
  });

  it('gives back what was flagged before, flagged', () => {
    const shard = new OneShard();
    const { id: lost } = served(shard);
    const pull = again(shard);
    shard.take([shard.entry({ kind: 'leave', consumer: lost, reason: 'unsubscribed' }), pull]);
    const leave = shard.entry({ kind: 'leave', consumer: pull.id, reason: 'unanswered' });
    const { turn } = shard.take([leave, again(shard)]);
    expect(OneShard.given(turn)).toMatchObject([{ sequence: 1, failures: 0, redelivered: true }]);
  });

  it('gets nothing if it left before its turn', () => {
    const shard = new OneShard();
    const pull = again(shard);
    const leave = shard.entry({ kind: 'leave', consumer: pull.id, reason: 'unanswered' });
    const { turn } = shard.take([shard.send([0]), pull, leave]);
    expect(turn.deliveries).toEqual([]);
  });
});
