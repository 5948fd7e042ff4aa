import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Due } from '../../lib/store/port.ts';
import {
  appending,
  bytes,
  committing,
  dueOf,
  FAR_SECONDS,
  fresh,
  type Given,
  headOf,
  idleShard,
  lease,
  MINUTE,
  recordOf,
  texts,
} from './given.ts';

export function whatIsDue(store: Given): void {
  describe('due', () => {
    test('an append makes its shard due, with the minute of the first', async () => {
      const shard = fresh('q');
      await store().append(shard, appending(['a'], { minute: MINUTE }));
      await store().append(shard, appending(['b'], { minute: MINUTE + 5 }));
      expect(await dueOf(store(), shard, MINUTE - 1)).toEqual([]);
      expect(await dueOf(store(), shard, MINUTE)).toMatchObject([{ shard, minute: MINUTE, kind: 'ring' }]);
    });

    test('what is settled is due no more, until the next append', async () => {
      const shard = await idleShard(store());
      const [ring] = await dueOf(store(), shard, MINUTE);
      expect(ring && (await store().clearDue(ring, 1))).toBe(true);
      expect(await dueOf(store(), shard, MINUTE)).toEqual([]);
      expect((await headOf(store(), shard)).due).toBe(0);
      const { head } = await store().append(shard, appending(['b'], { minute: MINUTE + 1 }));
      expect(head?.due).toBe(MINUTE + 1);
      expect(await dueOf(store(), shard, MINUTE + 1)).toHaveLength(1);
    });

    test('a shard that was rung since, is led, or has entries stays due', async () => {
      const rung = await idleShard(store());
      const led = fresh('q');
      await store().append(led, appending([], { ring: lease('n') }));
      const full = await idleShard(store());
      await store().append(full, appending(['z']));
      const ringOf = (shard: string): Due => ({ shard, minute: MINUTE, kind: 'ring' });
      expect(await store().clearDue(ringOf(rung), 0)).toBe(false);
      expect(await store().clearDue(ringOf(led), 1)).toBe(false);
      expect(await store().clearDue(ringOf(full), 1)).toBe(false);
      for (const shard of [rung, led, full]) expect(await dueOf(store(), shard, MINUTE)).toHaveLength(1);
    });

    test('a shard that was appended to, but never rung, settles once it is empty of entries', async () => {
      const shard = fresh('q');
      await store().append(shard, appending([]));
      expect(await store().clearDue({ shard, minute: MINUTE, kind: 'ring' }, 0)).toBe(true);
      expect(await dueOf(store(), shard, MINUTE)).toEqual([]);
    });

    test('a ring of a head that is gone settles, and makes no head', async () => {
      const shard = await idleShard(store());
      await store().removeHead(shard, 1);
      expect(await store().clearDue({ shard, minute: MINUTE, kind: 'ring' }, 1)).toBe(true);
      expect(await store().readHead(shard)).toBeUndefined();
      expect(await dueOf(store(), shard, MINUTE)).toEqual([]);
    });

    test('wake-ups are due at their minutes, each by itself, and go unconditionally', async () => {
      const shard = fresh('q');
      const at = (minute: number): Due => ({ shard, minute, kind: 'wake' });
      await store().append(shard, appending(['a'], { ring: lease('n'), minute: MINUTE + 100 }));
      await store().commit(shard, committing('n', { lease: lease('n'), wake: MINUTE + 1 }));
      await store().commit(shard, committing('n', { lease: lease('n'), wake: MINUTE + 2 }));
      await store().commit(shard, committing('n', { lease: lease('n'), wake: MINUTE + 2 }));
      expect(await dueOf(store(), shard, MINUTE)).toEqual([]);
      expect(await dueOf(store(), shard, MINUTE + 1)).toMatchObject([at(MINUTE + 1)]);
      expect(await dueOf(store(), shard, MINUTE + 2)).toMatchObject([at(MINUTE + 1), at(MINUTE + 2)]);
      expect(await store().clearDue(at(MINUTE + 1), 77)).toBe(true);
      expect(await dueOf(store(), shard, MINUTE + 2)).toMatchObject([at(MINUTE + 2)]);
    });

    test('at most `limit` are listed', async () => {
      for (let at = 0; at < 5; at++) await store().append(fresh('q'), appending(['a']));
      expect((await store().due(MINUTE, 3)).length).toBe(3);
    });
  });
}

export function records(store: Given): void {
  describe('directory', () => {
    test('a record is put, read, replaced and deleted', async () => {
      const key = { family: fresh('f'), name: 'n' };
      expect(await store().getRecord(key)).toBeUndefined();
      expect(await store().putRecord(key, bytes('one'))).toEqual({ kind: 'stored' });
      expect(await recordOf(store(), key)).toBe('one');
      await store().putRecord(key, bytes('two'), { expiresAt: FAR_SECONDS });
      expect(await recordOf(store(), key)).toBe('two');
      await store().deleteRecord(key);
      await store().deleteRecord(key);
      expect(await store().getRecord(key)).toBeUndefined();
    });

    test('a record that must not exist is refused if it does, with what is there', async () => {
      const key = { family: fresh('f'), name: 'n' };
      expect((await store().putRecord(key, bytes('one'), { expected: null })).kind).toBe('stored');
      const outcome = await store().putRecord(key, bytes('two'), { expected: null });
      expect(outcome.kind === 'conflict' && outcome.current && texts([outcome.current])).toEqual(['one']);
      expect(await recordOf(store(), key)).toBe('one');
    });

    test('a record is replaced only if its value is the one expected', async () => {
      const key = { family: fresh('f'), name: 'n' };
      expect(await store().putRecord(key, bytes('x'), { expected: bytes('one') })).toEqual({
        kind: 'conflict',
        current: undefined,
      });
      await store().putRecord(key, bytes('one'));
      expect((await store().putRecord(key, bytes('two'), { expected: bytes('other') })).kind).toBe('conflict');
      expect((await store().putRecord(key, bytes('two'), { expected: bytes('one') })).kind).toBe('stored');
      expect(await recordOf(store(), key)).toBe('two');
    });

    test('of many who create one record at once, one succeeds', async () => {
      const key = { family: fresh('f'), name: 'n' };
      const outcomes = await Promise.all(
        Array.from({ length: 8 }, (_, at) => store().putRecord(key, bytes(`v${at}`), { expected: null })),
      );
      expect(outcomes.filter(({ kind }) => kind === 'stored')).toHaveLength(1);
    });

    test('a family is listed in the order of names, by pages, without its neighbours', async () => {
      const family = fresh('f');
      const names = ['B', 'a', 'a/b', 'b', 'c', '\u00e9', '\u{1f600}'];
      for (const name of [...names].reverse()) await store().putRecord({ family, name }, bytes(name));
      await store().putRecord({ family: `${family}x`, name: 'a' }, bytes('no'));
      const first = await store().listRecords(family, '', 3);
      expect(first.map(({ name }) => name)).toEqual(names.slice(0, 3));
      expect(texts(first.map(({ value }) => value))).toEqual(names.slice(0, 3));
      const rest = await store().listRecords(family, 'a/b', 100);
      expect(rest.map(({ name }) => name)).toEqual(names.slice(3));
      expect(await store().listRecords(family, '\u{1f600}', 100)).toEqual([]);
      expect(await store().listRecords(fresh('f'), '', 100)).toEqual([]);
    });

    test('values are octets, whatever they are, and may be many', async () => {
      const key = { family: fresh('f'), name: 'n' };
      const value = randomBytes(100_000);
      await store().putRecord(key, value);
      expect(Buffer.compare((await store().getRecord(key)) ?? bytes(''), value)).toBe(0);
    });
  });
}
