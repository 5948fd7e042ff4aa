import { expect, it } from 'vitest';
import { OneShard } from './one-shard.ts';

/** One request of persistent and non-persistent messages: several references to one batch. */
function mixed(shard: OneShard, counts: readonly number[]) {
  const send = shard.send(Array(counts.reduce((sum, count) => sum + count)).fill(0));
  const runs = counts.map((count, i) => ({ count, transient: i % 2 === 1, expires: 0 }));
  return { ...send, runs };
}

it.each([
  ['in order', [1, 2, 3, 4, 5]],
  ['the last first', [5, 4, 3, 2, 1]],
  ['the middle last', [1, 5, 2, 4, 3]],
])('the body of a request of several kinds goes with its last message, consumed %s', (_, order) => {
  const shard = new OneShard();
  shard.take([mixed(shard, [1, 2, 2]), shard.join('client-individual', 5)]);
  for (const [i, sequence] of order.entries()) {
    expect(shard.discarded).toEqual([]);
    shard.take([shard.acknowledge(sequence, 1, 1)]);
    if (i === 4) expect(shard.discarded).toEqual(['batch-1']);
  }
});

it('the body of a request of several kinds stays while some of it is fresh', () => {
  const shard = new OneShard();
  shard.take([mixed(shard, [1, 1]), shard.join('client-individual', 1)]);
  shard.take([shard.acknowledge(1, 1, 1)]);
  expect(shard.discarded).toEqual([]);
  shard.take([shard.acknowledge(2, 1, 1)]);
  expect(shard.discarded).toEqual(['batch-1']);
});

it('a purge discards all that pages of pages list, in steps', () => {
  const shard = new OneShard({ referencesPerLevel: 3 });
  for (let i = 0; i < 100; i++) shard.take([shard.send([0]), shard.send([0])]);
  expect(shard.state.references.some(({ level }) => level > 2)).toBe(true);
  let turns = 0;
  for (let more = true; more; turns++) more = shard.take(turns === 0 ? [shard.entry({ kind: 'purge' })] : []).turn.more;
  expect(turns).toBeGreaterThan(3);
  expect([...shard.batches.keys(), ...shard.pages.keys()]).toEqual([]);
  expect(shard.state).toMatchObject({ litter: [], counts: { purged: 200 } });
});

it('a purge spares the body of which a message is in flight, until that is over', () => {
  const shard = new OneShard({ referencesPerLevel: 3 });
  shard.take([...Array.from({ length: 20 }, () => shard.send([0, 0])), shard.join('client-individual', 1)]);
  shard.take([shard.entry({ kind: 'purge' })]);
  while (shard.state.litter.length > 0) shard.take([]);
  expect([...shard.batches.keys()]).toEqual(['batch-1']);
  shard.take([shard.acknowledge(1, 1, 1)]);
  expect([...shard.batches.keys()]).toEqual([]);
});

it('a purge leaves pages to their expiry where bodies expire', () => {
  const shard = new OneShard({ referencesPerLevel: 3 });
  shard.take(
    Array.from({ length: 20 }, () => shard.send([0])),
    { bodiesExpire: true },
  );
  const { turn } = shard.take([shard.entry({ kind: 'purge' })], { bodiesExpire: true });
  expect(turn.more).toBe(false);
  expect(shard.state.litter).toEqual([]);
});

it('a turn asks for no more octets than it gives out', () => {
  const shard = new OneShard({ turnBytes: 20, turnMessages: 100 });
  const sends = Array.from({ length: 30 }, () => ({ ...shard.send([0]), sizeBytes: 9 }));
  const asked: string[][] = [];
  const { batches } = shard;
  shard.state = shard.take(sends).settled.state;
  const original = batches.get.bind(batches);
  let current: string[] = [];
  batches.get = (key) => {
    if (!current.includes(key)) current.push(key);
    return original(key);
  };
  shard.take([shard.join('client-individual', 100)]);
  asked.push(current);
  current = [];
  shard.take([]);
  asked.push(current);
  expect(asked.map((keys) => keys.length)).toEqual([3, 3]);
});
