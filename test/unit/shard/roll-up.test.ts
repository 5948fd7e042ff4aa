import { expect, it } from 'vitest';
import { encodeState } from '../../../lib/shard/codec/state-codec.ts';
import { OneShard } from './one-shard.ts';

const BATCHES = 10_000;

it('a backlog of 10,000 batches keeps the head small, and drains in order', () => {
  const shard = new OneShard();
  let most = 0;
  for (let sent = 0; sent < BATCHES; sent += 8) {
    shard.take(Array.from({ length: 8 }, () => shard.send([0])));
    most = Math.max(most, shard.state.references.length);
  }
  const levels = Math.ceil(Math.log(BATCHES) / Math.log(16));
  expect(most).toBeLessThanOrEqual(16 * levels);
  expect(encodeState(shard.state).byteLength).toBeLessThan(4096);

  shard.take([shard.join('auto', 100)]);
  const bodies: string[] = Array.from({ length: 100 }, (_, i) => `batch-${i + 1}/0`);
  let heaviest = 0;
  while (shard.state.references.length > 0) {
    const { turn } = shard.take([]);
    for (const { message } of OneShard.given(turn)) bodies.push(Buffer.from(message.body).toString());
    heaviest = Math.max(heaviest, shard.state.references.length);
  }
  expect(bodies).toEqual(Array.from({ length: BATCHES }, (_, i) => `batch-${i + 1}/0`));
  expect(heaviest).toBeLessThanOrEqual(3 * 16 * levels);
  expect([shard.batches.size, shard.pages.size]).toEqual([0, 0]);
  expect(shard.state.counts).toMatchObject({ sent: BATCHES, acknowledged: BATCHES });
});

it('the two references in front stay: they are about to be drawn', () => {
  const shard = new OneShard({ referencesPerLevel: 3 });
  shard.take(Array.from({ length: 5 }, () => shard.send([0])));
  expect(shard.state.references.map(({ level, first, count }) => [level, first, count])).toEqual([
    [0, 1, 1],
    [0, 2, 1],
    [1, 3, 3],
  ]);
});

it('a page knows the earliest expiry and the oldest birth of what it lists', () => {
  const shard = new OneShard({ referencesPerLevel: 3 });
  const far = 1_800_000_000_000;
  shard.take([0, 0, far + 2, 0, far + 1].map((expires) => shard.send([expires])));
  expect(shard.state.references.at(-1)).toMatchObject({ level: 1, expires: far + 1, born: 1_700_000_000 });
});
