import { describe, expect, it } from 'vitest';
import { oldestSince } from '../../../lib/shard/conclude/wake-up.ts';
import { decodePage, encodePage, type Reference } from '../../../lib/shard/state/reference.ts';
import { NOW, OneShard } from './one-shard.ts';

const BORN = NOW / 1000;
const WEEK_S = 7 * 24 * 3600;

describe('the age of the oldest message', () => {
  it('does not begin again when its body is extended, however often', () => {
    const shard = new OneShard();
    shard.take([shard.send([0, 0])]);
    for (const weeks of [1, 2]) {
      shard.take([shard.entry({ kind: 'kept-alive', upTo: 3, born: BORN + weeks * WEEK_S, seen: 0 })]);
      expect(oldestSince(shard.state)).toBe(BORN);
    }
    expect(shard.state.references[0]?.born).toBe(BORN + 2 * WEEK_S);
  });

  it('is kept by the page that its reference moves to', () => {
    const shard = new OneShard({ referencesPerLevel: 4 });
    shard.take([shard.send([0]), shard.send([0]), shard.send([0])]);
    shard.take([shard.entry({ kind: 'kept-alive', upTo: 4, born: BORN + WEEK_S, seen: 0 })]);
    shard.take(
      [shard.send([0]), shard.send([0]), shard.send([0])].map((entry) => ({ ...entry, born: BORN + WEEK_S })),
      { now: NOW + WEEK_S * 1000 },
    );
    expect(shard.pages.size).toBe(1);
    const page = shard.state.references.find(({ level }) => level === 1);
    expect(page?.since).toBe(BORN);
  });

  it('survives being stored, and costs nothing where nothing was extended', () => {
    const fresh: Reference = {
      level: 0,
      key: 'key',
      first: 1,
      count: 1,
      offset: 0,
      expires: 0,
      born: BORN,
      transient: false,
      flagged: false,
      shared: false,
    };
    const old = { ...fresh, since: BORN - WEEK_S };
    expect(decodePage('page', encodePage([fresh, old]))).toEqual([fresh, old]);
    expect(decodePage('page', encodePage([fresh]))[0]).not.toHaveProperty('since');
  });
});
