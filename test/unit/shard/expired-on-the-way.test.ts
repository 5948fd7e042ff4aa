import { expect, it } from 'vitest';
import type { PushOutcome } from '../../../lib/shard/conclude/conclude.ts';
import { finishTurn } from '../../../lib/shard/turn.ts';
import { OneShard } from './one-shard.ts';

/** One delivery of five messages, of which the second and the last expired before it went out. */
function pushed(outcome: PushOutcome, ack: 'auto' | 'client-individual') {
  const shard = new OneShard();
  const context = shard.context();
  const turn = shard.decide([shard.send([0, 0, 0, 0, 0]), shard.join(ack, 5)], context);
  const outcomes = new Map(turn.deliveries.map((delivery) => [delivery, outcome]));
  return finishTurn(turn.draft, { pushed: outcomes, expired: new Set([2, 5]) }, context).state;
}

it.each<PushOutcome>(['sent', 'unknown'])('of a delivery that is %s the rest stays in flight', (outcome) => {
  const { flights, returned, counts } = pushed(outcome, 'client-individual');
  expect(flights).toMatchObject([
    { first: 1, count: 1 },
    { first: 3, count: 2 },
  ]);
  expect(returned).toEqual([]);
  expect(counts).toMatchObject({ sent: 5, expired: 2, acknowledged: 0 });
});

it('of a delivery that acknowledges itself the rest is done', () => {
  const { flights, counts } = pushed('sent', 'auto');
  expect(flights).toEqual([]);
  expect(counts).toMatchObject({ sent: 5, expired: 2, acknowledged: 3 });
});

it.each<PushOutcome>(['gone', 'unsent'])('of a delivery that is %s the rest is ready again', (outcome) => {
  const { flights, returned, counts } = pushed(outcome, 'client-individual');
  expect(flights).toEqual([]);
  expect(returned).toMatchObject([
    { first: 1, count: 1 },
    { first: 3, count: 2 },
  ]);
  expect(counts).toMatchObject({ sent: 5, expired: 2 });
});

it('where nothing is left of a delivery, its consumer is not known to be there by it, and nothing is tried again', () => {
  const shard = new OneShard();
  shard.take([shard.join('client-individual', 1)]);
  const context = shard.context({ now: shard.context().now + 50_000 });
  const turn = shard.decide([shard.send([0, 0])], context);
  const { state, more, wakeAt } = finishTurn(turn.draft, { pushed: new Map(), expired: new Set([1]) }, context);
  expect(state.consumers).toMatchObject([{ seen: (context.now - 50_000) / 1000 }]);
  expect(state.flights).toEqual([]);
  expect([more, wakeAt]).toEqual([true, undefined]);
});

it('the room that it had is free after a second commit of the turn, too', () => {
  const shard = new OneShard();
  shard.take([shard.join('client-individual', 1)]);
  const context = shard.context();
  const turn = shard.decide([shard.send([0, 0])], context);
  finishTurn(turn.draft, { pushed: new Map(), expired: new Set([1]) }, context);
  expect(finishTurn(turn.draft, { pushed: new Map() }, context).more).toBe(true);
});
