import { expect, it } from 'vitest';
import type { Request } from '../../../lib/shard/codec/entry.ts';
import { readyCount } from '../../../lib/shard/state/draft.ts';
import { OneShard } from './one-shard.ts';

it('a repeat adds nothing, and a first attempt that is late after its repeat adds nothing', () => {
  const shard = new OneShard();
  const entry = shard.send([0]);
  shard.take([entry, { ...entry, attempt: 2 }]);
  shard.take([{ ...entry, attempt: 3 }]);
  const late = shard.send([0]);
  shard.take([{ ...late, attempt: 2 }]);
  for (let i = 0; i < 20; i++) shard.take([shard.send([0])]);
  shard.take([late]);
  expect(shard.state.counts.sent).toBe(22);
});

it('a first attempt adds nothing whose messages are here, though its repeats are forgotten', () => {
  const shard = new OneShard();
  const late = shard.send([0]);
  shard.take([{ ...late, attempt: 2 }]);
  for (let i = 0; i < 40; i++) shard.take([{ ...shard.send([0]), attempt: 2 }]);
  shard.take([shard.join('client-individual', 1), late]);
  expect(shard.state.counts.sent).toBe(41);
});

it('what was repeated once is known for longer', () => {
  const shard = new OneShard();
  const entry = shard.send([0]);
  shard.take([entry, { ...entry, attempt: 2 }]);
  for (let i = 0; i < 20; i++) shard.take([shard.send([0])]);
  shard.take([{ ...entry, attempt: 3 }]);
  expect(shard.state.counts.sent).toBe(21);
});

it('what was repeated in time takes no room from what may come for the first time yet', () => {
  const shard = new OneShard();
  const late = shard.send([0]);
  shard.take([{ ...late, attempt: 2 }]);
  for (let i = 0; i < 40; i++) {
    const entry = shard.send([0]);
    shard.take([entry, { ...entry, attempt: 2 }]);
  }
  shard.take([late]);
  expect(shard.state.counts.sent).toBe(41);
  expect(shard.state.repeated.length).toBe(33);
});

it('a purge that is repeated late takes nothing that came after it', () => {
  const shard = new OneShard();
  const purge = shard.entry({ kind: 'purge' });
  shard.take([purge, { ...purge, attempt: 2 }]);
  for (let i = 0; i < 30; i++) {
    const entry = shard.send([0]);
    shard.take([entry, { ...entry, attempt: 2 }]);
  }
  shard.take([{ ...purge, attempt: 3 }]);
  expect(shard.state.counts.purged).toBe(0);
});

it('a body that a purge let go stays where the same inbox brings it again', () => {
  const shard = new OneShard();
  const entry = shard.send([0]);
  const others = Array.from({ length: 20 }, () => shard.send([0]));
  shard.take([entry, shard.entry({ kind: 'purge' }), ...others, { ...entry, attempt: 2 }]);
  expect(shard.discarded).toEqual([]);
  const given = OneShard.given(shard.take([shard.join('auto', 100)]).turn);
  expect(given.at(-1)).toMatchObject({ key: 'batch-1', redelivered: true });
});

it('a repeat that can no longer be told is flagged, and never frees the body of the first', () => {
  const shard = new OneShard({ referencesPerLevel: 3 });
  const entry = shard.send([0]);
  shard.take([entry, ...Array.from({ length: 20 }, () => shard.send([0]))]);
  // The first lies in flight, and its repeat comes when its reference is known no more.
  shard.take([{ ...entry, attempt: 2 }]);
  const copies = shard.state.counts.sent;
  expect(copies).toBe(21);
  const deep = new OneShard({ referencesPerLevel: 3 });
  const first = [deep.send([0]), deep.send([0]), deep.send([0])];
  deep.take([...first, ...Array.from({ length: 20 }, () => deep.send([0]))]);
  const inPage = first[2];
  if (!inPage) throw new Error('no third entry');
  deep.take([{ ...inPage, attempt: 2 }]);
  expect(deep.state.counts.sent).toBe(24);
  const given = OneShard.given(deep.take([deep.join('client-individual', 100)]).turn);
  expect(given.filter(({ key }) => key === 'batch-3')).toMatchObject([{ redelivered: false }, { redelivered: true }]);
  deep.take([deep.acknowledge(24, 1, 1)]);
  expect(deep.discarded).not.toContain('batch-3');
});

it('a first copy does not free the body of a second that lies in a page', () => {
  const shard = new OneShard({ referencesPerLevel: 3, inFlightPerShard: 3 });
  const first = [shard.send([0]), shard.send([0]), shard.send([0])];
  shard.take([...first, ...Array.from({ length: 20 }, () => shard.send([0]))]);
  const repeated = first[2];
  if (!repeated) throw new Error('no third entry');
  shard.take([{ ...repeated, attempt: 2 }, ...Array.from({ length: 9 }, () => shard.send([0]))]);
  expect(shard.state.references.some(({ level, key }) => level === 0 && key === 'batch-3')).toBe(false);
  shard.take([shard.join('client-individual', 3)]);
  shard.take([shard.acknowledge(1, 3, 1)]);
  expect(shard.batches.has('batch-3')).toBe(true);
  const given: { key: string; redelivered: boolean }[] = [];
  for (let next = 4; shard.state.flights.length > 0; next += 3) {
    given.push(...OneShard.given(shard.take([shard.acknowledge(next, 3, 1)]).turn));
  }
  expect(given).toHaveLength(33 - 6);
  expect(given.find(({ key }) => key === 'batch-3')).toMatchObject({ redelivered: true });
});

it('a consumer that left does not come back by a late repeat of its join', () => {
  const shard = new OneShard();
  const join = shard.join('auto', 1);
  const leave = shard.entry({ kind: 'leave', consumer: join.id, reason: 'unsubscribed' });
  shard.take([join, leave]);
  for (let i = 0; i < 20; i++) shard.take([shard.send([0])]);
  shard.take([{ ...join, attempt: 2 }]);
  expect(shard.state.consumers).toEqual([]);
});

it('messages of another shard are taken once, whatever batch brings them again', () => {
  const shard = new OneShard();
  const forward = (key: string, numbers: number[]): Request => {
    shard.batches.set(
      key,
      numbers.map((n) => ({ body: Buffer.from(`${n}`), text: true, headers: {}, timestamp: 0 })),
    );
    return { kind: 'forward', key, source: 'orders', numbers, born: 1 };
  };
  shard.take([shard.entry(forward('a', [3, 5])), shard.entry(forward('b', [3, 4, 5, 6]))]);
  expect(readyCount(shard.state)).toBe(4);
  const given = OneShard.given(shard.take([shard.join('auto', 10)]).turn);
  expect(given.map(({ message }) => Buffer.from(message.body).toString())).toEqual(['3', '5', '4', '6']);
  expect(given.some(({ redelivered }) => redelivered)).toBe(false);
});

it('messages of another shard that can no longer be told are flagged', () => {
  const shard = new OneShard();
  const numbers = Array.from({ length: 20 }, (_, i) => 2 * i + 1);
  shard.batches.set('a', []);
  shard.take([shard.entry({ kind: 'forward', key: 'a', source: 'orders', numbers, born: 1 })]);
  shard.take([shard.entry({ kind: 'forward', key: 'b', source: 'orders', numbers: [1, 39], born: 1 })]);
  expect(shard.state.references.at(-1)).toMatchObject({ key: 'b', offset: 0, count: 1, flagged: true });
  expect(shard.state.counts.sent).toBe(21);
});

it('a request that was repeated is known for as long, however many consumers leave meanwhile', () => {
  const shard = new OneShard();
  const send = shard.send([0]);
  shard.take([{ ...send, attempt: 2 }]);
  for (let i = 0; i < 40; i++) {
    shard.take([shard.entry({ kind: 'leave', consumer: `consumer-${i}`, reason: 'lost' })]);
  }
  shard.take([send]);
  expect(shard.state.counts.sent).toBe(1);
});

it('a pull that may have been served is not served again', () => {
  const shard = new OneShard();
  const pulls = Array.from({ length: 20 }, () => shard.entry({ kind: 'receive', max: 1, deadline: 2 ** 45 }));
  shard.take([shard.send(Array(40).fill(0)), ...pulls]);
  expect(shard.state.flights.reduce((sum, { count }) => sum + count, 0)).toBe(20);
  shard.take(pulls.map((pull) => ({ ...pull, attempt: 2 })));
  expect(shard.state.flights.reduce((sum, { count }) => sum + count, 0)).toBe(20);
});
