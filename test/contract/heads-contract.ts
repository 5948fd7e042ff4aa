import { describe, expect, test } from 'vitest';
import type { Accepts, ShardAppend } from '../../lib/store/port.ts';
import {
  appending,
  blob,
  bytes,
  committing,
  fresh,
  type Given,
  headOf,
  idleShard,
  inboxOf,
  lease,
  MINUTE,
  texts,
} from './given.ts';

/** Of stores that have this verb. */
export function appendsAtOnce(store: Given): void {
  describe('appendAll', () => {
    const all = (appends: readonly ShardAppend[], accepts: Accepts = () => true) =>
      store().appendAll?.(appends, accepts);

    test('several appends are made in their order, and each has the head that it came to', async () => {
      const [a, b, none] = [fresh('q'), fresh('q'), fresh('q')];
      const outcomes = await all([
        { shard: a, ...appending(['1'], { ring: lease('n'), blobs: [blob('k')] }) },
        { shard: b, ...appending(['2']) },
        { shard: none, ...appending(['3'], { mustExist: true }) },
        { shard: a, ...appending(['4'], { ring: lease('m') }) },
      ]);
      expect(outcomes?.map(({ kind }) => kind)).toEqual(['appended', 'appended', 'absent', 'appended']);
      expect(outcomes?.map(({ head }) => texts(head?.inbox ?? []))).toEqual([['1'], ['2'], [], ['1', '4']]);
      expect(outcomes?.[3]?.head).toMatchObject({ rings: 2, lease: lease('n') });
      expect([await inboxOf(store(), a), await inboxOf(store(), b)]).toEqual([['1', '4'], ['2']]);
      expect((await store().getBlobs(a, ['k'])).size).toBe(1);
      expect(await store().readHead(none)).toBeUndefined();
    });

    test('none is made if one of them finds its inbox full, be it by the one before', async () => {
      const [a, b] = [fresh('q'), fresh('q')];
      const appends = [
        { shard: a, ...appending(['1'], { blobs: [blob('k')] }) },
        { shard: b, ...appending(['2']) },
        { shard: b, ...appending(['3'], { room: 1 }) },
      ];
      expect(await all(appends)).toBeUndefined();
      expect([await store().readHead(a), await store().readHead(b)]).toEqual([undefined, undefined]);
      expect((await store().getBlobs(a, ['k'])).size).toBe(0);
    });

    test('none is made if what they would come to is not accepted', async () => {
      const shard = fresh('q');
      const judged: string[][] = [];
      const accepts: Accepts = (outcomes) => {
        judged.push(...outcomes.map(({ head }) => texts(head?.inbox ?? [])));
        return false;
      };
      expect(await all([{ shard, ...appending(['1']) }], accepts)).toBeUndefined();
      expect(judged).toEqual([['1']]);
      expect(await store().readHead(shard)).toBeUndefined();
    });
  });
}

export function appends(store: Given): void {
  describe('append', () => {
    test('a shard nobody wrote to has no head', async () => {
      expect(await store().readHead(fresh('q'))).toBeUndefined();
    });

    test('the first append makes the head', async () => {
      const shard = fresh('q');
      const outcome = await store().append(shard, appending(['a']));
      expect(outcome.kind).toBe('appended');
      expect(outcome.head).toMatchObject({ shard, rings: 0, due: MINUTE });
      expect(outcome.head?.lease).toBeUndefined();
      expect(outcome.head?.state).toBeUndefined();
      expect(texts(outcome.head?.inbox ?? [])).toEqual(['a']);
    });

    test('an append to a shard that must exist makes no head', async () => {
      const shard = fresh('q');
      const refused = await store().append(shard, appending(['a'], { mustExist: true, ring: lease('n') }));
      expect(refused).toEqual({ kind: 'absent', head: undefined });
      expect(await store().append(shard, appending([], { mustExist: true }))).toEqual(refused);
      expect(await store().readHead(shard)).toBeUndefined();
      await store().append(shard, appending(['a']));
      expect((await store().append(shard, appending(['b'], { mustExist: true }))).kind).toBe('appended');
      expect(await inboxOf(store(), shard)).toEqual(['a', 'b']);
    });

    test('entries stay in the order of the appends, and within one append', async () => {
      const shard = fresh('q');
      await store().append(shard, appending(['a', 'b']));
      const { head } = await store().append(shard, appending(['c', 'd']));
      expect(texts(head?.inbox ?? [])).toEqual(['a', 'b', 'c', 'd']);
      expect(await inboxOf(store(), shard)).toEqual(['a', 'b', 'c', 'd']);
    });

    test('64 appends at once are all kept, each once, in the order in which their replies saw them', async () => {
      const shard = fresh('q');
      const names = Array.from({ length: 64 }, (_, at) => `e${at}`);
      const outcomes = await Promise.all(names.map((entry) => store().append(shard, appending([entry]))));
      const inbox = await inboxOf(store(), shard);
      expect([...inbox].sort()).toEqual([...names].sort());
      for (const { head } of outcomes) expect(texts(head?.inbox ?? [])).toEqual(inbox.slice(0, head?.inbox.length));
    });

    test('an inbox with `room` entries takes no more, and the refusal brings the head along', async () => {
      const shard = fresh('q');
      await store().append(shard, appending(['a', 'b'], { ring: lease('n') }));
      const refused = await store().append(shard, appending(['c'], { room: 2, ring: lease('m') }));
      expect(refused).toMatchObject({ kind: 'full', head: { rings: 1, lease: lease('n') } });
      expect(texts(refused.head?.inbox ?? [])).toEqual(['a', 'b']);
      expect(await inboxOf(store(), shard)).toEqual(['a', 'b']);
      expect((await store().append(shard, appending(['c'], { room: 3 }))).kind).toBe('appended');
    });

    test('a refusal by a full inbox says whether the blobs are in', async () => {
      const shard = fresh('q');
      const key = fresh('k');
      await store().append(shard, appending(['a']));
      const refused = await store().append(shard, appending(['b'], { room: 1, blobs: [blob(key, 'body')] }));
      const hasBlobs = (await store().getBlobs(shard, [key])).has(key);
      expect(refused).toMatchObject({ kind: 'full', hasBlobs });
      const blobs = hasBlobs ? [] : [blob(key, 'body')];
      expect((await store().append(shard, appending(['b'], { room: 2, blobs }))).kind).toBe('appended');
      expect(texts([...(await store().getBlobs(shard, [key])).values()])).toEqual(['body']);
    });

    test('a ring without an entry is taken by a full inbox', async () => {
      const shard = fresh('q');
      await store().append(shard, appending(['a']));
      const outcome = await store().append(shard, appending([], { room: 1, ring: lease('n') }));
      expect(outcome).toMatchObject({ kind: 'appended', head: { rings: 1, lease: lease('n') } });
    });

    test('a ring without an entry makes a head', async () => {
      const outcome = await store().append(fresh('q'), appending([], { ring: lease('n') }));
      expect(outcome).toMatchObject({ kind: 'appended', head: { rings: 1, lease: lease('n'), inbox: [] } });
    });

    test('the blobs are there once the append has returned', async () => {
      const shard = fresh('q');
      const key = fresh('k');
      await store().append(shard, appending(['a'], { blobs: [blob(key, 'body')] }));
      expect(texts([...(await store().getBlobs(shard, [key])).values()])).toEqual(['body']);
    });

    test('entries are octets, whatever they are', async () => {
      const shard = fresh('q');
      const all = Uint8Array.from({ length: 256 }, (_, at) => at);
      await store().append(shard, appending([], { entries: [all, Uint8Array.of(0)] }));
      expect((await headOf(store(), shard)).inbox.map((entry) => [...entry])).toEqual([[...all], [0]]);
    });

    test('a head that was handed out never changes', async () => {
      const shard = fresh('q');
      const { head } = await store().append(shard, appending(['a'], { ring: lease('n') }));
      const before = structuredClone(head);
      await store().append(shard, appending(['b'], { ring: lease('m') }));
      await store().commit(shard, committing('n', { absorbed: 1, lease: lease('n', 5) }));
      expect(head).toEqual(before);
    });
  });
}

export function elections(store: Given): void {
  describe('lease', () => {
    test('the first to ring holds the lease', async () => {
      const { head } = await store().append(fresh('q'), appending(['a'], { ring: lease('mine', 123) }));
      expect(head).toMatchObject({ rings: 1, lease: { nonce: 'mine', until: 123 } });
    });

    test('an append without a ring stands for no election', async () => {
      const { head } = await store().append(fresh('q'), appending(['a']));
      expect(head?.lease).toBeUndefined();
      expect(head?.rings).toBe(0);
    });

    test('a later ring counts, but does not take over a lease, nor its end', async () => {
      const shard = fresh('q');
      await store().append(shard, appending(['a'], { ring: lease('first', 1) }));
      const { head } = await store().append(shard, appending(['b'], { ring: lease('second', 2) }));
      expect(head).toMatchObject({ rings: 2, lease: { nonce: 'first', until: 1 } });
    });

    test('of many who ring at once, one is elected', async () => {
      const shard = fresh('q');
      const nonces = Array.from({ length: 16 }, (_, at) => `n${at}`);
      const outcomes = await Promise.all(
        nonces.map((nonce) => store().append(shard, appending([], { ring: lease(nonce) }))),
      );
      const elected = outcomes.filter(({ head }, at) => head?.lease?.nonce === nonces[at]);
      expect(elected).toHaveLength(1);
      expect(new Set(outcomes.map(({ head }) => head?.lease?.nonce)).size).toBe(1);
      expect((await headOf(store(), shard)).rings).toBe(16);
    });

    test('a dead lease is stolen by whoever names its nonce', async () => {
      const shard = fresh('q');
      await store().append(shard, appending(['a'], { ring: lease('dead') }));
      const outcome = await store().steal(shard, { seen: 'dead', lease: lease('thief', 9) });
      expect(outcome).toMatchObject({ kind: 'stolen', head: { rings: 1, lease: { nonce: 'thief', until: 9 } } });
      expect(await store().commit(shard, committing('dead'))).toMatchObject({ kind: 'lost' });
    });

    test('a lease that is another by now is not stolen, and the refusal brings the head along', async () => {
      const shard = fresh('q');
      await store().append(shard, appending(['a'], { ring: lease('living') }));
      const outcome = await store().steal(shard, { seen: 'dead', lease: lease('thief') });
      expect(outcome).toMatchObject({ kind: 'lost', head: { lease: lease('living') } });
      expect((await headOf(store(), shard)).lease).toEqual(lease('living'));
    });

    test('of two thieves one succeeds', async () => {
      const shard = fresh('q');
      await store().append(shard, appending(['a'], { ring: lease('dead') }));
      const outcomes = await Promise.all(
        ['x', 'y'].map((nonce) => store().steal(shard, { seen: 'dead', lease: lease(nonce) })),
      );
      expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['lost', 'stolen']);
    });

    test('nothing is stolen where there is no lease, or no head', async () => {
      const shard = fresh('q');
      expect(await store().steal(shard, { seen: 'x', lease: lease('y') })).toEqual({ kind: 'lost', head: undefined });
      expect(await store().readHead(shard)).toBeUndefined();
      await store().append(shard, appending(['a']));
      expect((await store().steal(shard, { seen: 'x', lease: lease('y') })).kind).toBe('lost');
    });
  });
}

export function commits(store: Given): void {
  describe('commit', () => {
    test('a commit removes what it absorbed, keeps what came later, and gives the lease up', async () => {
      const shard = fresh('q');
      await store().append(shard, appending(['a', 'b'], { ring: lease('n') }));
      await store().append(shard, appending(['c']));
      const outcome = await store().commit(shard, committing('n', { absorbed: 2, state: bytes('s1') }));
      expect(outcome).toMatchObject({ kind: 'committed', head: { rings: 1, due: MINUTE } });
      const head = await headOf(store(), shard);
      expect(head).toEqual(outcome.head);
      expect(texts(head?.inbox ?? [])).toEqual(['c']);
      expect(texts(head.state ? [head.state] : [])).toEqual(['s1']);
      expect(head.lease).toBeUndefined();
    });

    test('a commit takes as many entries as an inbox in items may hold', async () => {
      const shard = fresh('q');
      const entries = Array.from({ length: 256 }, (_, at) => `e${at}`);
      await store().append(shard, appending(entries, { ring: lease('n'.repeat(24)), room: 256 }));
      const taken = committing('n'.repeat(24), { absorbed: 256, lease: lease('m'.repeat(24)) });
      expect(await store().commit(shard, taken)).toMatchObject({ kind: 'committed', head: { inbox: [] } });
    });

    test('a commit that renews keeps the lease, whoever rang', async () => {
      const shard = fresh('q');
      await store().append(shard, appending(['a'], { ring: lease('n', 1) }));
      await store().append(shard, appending(['b'], { ring: lease('m', 2) }));
      const outcome = await store().commit(shard, committing('n', { absorbed: 1, lease: lease('n', 7) }));
      expect(outcome).toMatchObject({ kind: 'committed', head: { rings: 2, lease: { nonce: 'n', until: 7 } } });
    });

    test('a commit may name a successor', async () => {
      const shard = fresh('q');
      await store().append(shard, appending(['a'], { ring: lease('n') }));
      await store().commit(shard, committing('n', { lease: lease('next', 7) }));
      expect((await store().commit(shard, committing('n'))).kind).toBe('lost');
      expect((await store().commit(shard, committing('next'))).kind).toBe('committed');
    });

    test('a release that would lose a ring is refused and brings the head along', async () => {
      const shard = fresh('q');
      await store().append(shard, appending(['a'], { ring: lease('n') }));
      await store().append(shard, appending(['b'], { ring: lease('m') }));
      const outcome = await store().commit(shard, committing('n', { absorbed: 1, rings: 1 }));
      expect(outcome).toMatchObject({ kind: 'rung', head: { rings: 2, lease: lease('n') } });
      expect(outcome.head && texts(outcome.head?.inbox ?? [])).toEqual(['a', 'b']);
      expect(outcome.head?.state).toBeUndefined();
      expect((await store().commit(shard, committing('n', { absorbed: 2, rings: 2 }))).kind).toBe('committed');
    });

    test('a stale nonce changes nothing', async () => {
      const shard = fresh('q');
      await store().append(shard, appending(['a'], { ring: lease('n') }));
      const before = await headOf(store(), shard);
      const stale = committing('stale', { absorbed: 1, lease: lease('stale') });
      expect(await store().commit(shard, stale)).toEqual({ kind: 'lost', head: before });
      expect(await store().commit(shard, committing('stale'))).toEqual({ kind: 'lost', head: before });
      expect(await headOf(store(), shard)).toEqual(before);
    });

    test('a master whose lease is given up has lost it', async () => {
      const shard = fresh('q');
      await store().append(shard, appending(['a'], { ring: lease('n') }));
      await store().commit(shard, committing('n', { absorbed: 1 }));
      expect((await store().commit(shard, committing('n'))).kind).toBe('lost');
    });

    test('a commit on a shard without a head is lost', async () => {
      const shard = fresh('q');
      expect(await store().commit(shard, committing('n'))).toEqual({ kind: 'lost', head: undefined });
      expect(await store().readHead(shard)).toBeUndefined();
    });

    test('64 entries are absorbed in one commit', async () => {
      const shard = fresh('q');
      const entries = Array.from({ length: 64 }, (_, at) => `e${at}`);
      await store().append(shard, appending(entries, { ring: lease('n') }));
      await store().append(shard, appending(['later'], { room: 65 }));
      await store().commit(shard, committing('n', { absorbed: 64 }));
      expect(await inboxOf(store(), shard)).toEqual(['later']);
    });

    test('the blobs are there once the commit has returned', async () => {
      const shard = fresh('q');
      const key = fresh('page');
      await store().append(shard, appending(['a'], { ring: lease('n') }));
      await store().commit(shard, committing('n', { absorbed: 1, blobs: [blob(key)] }));
      expect([...(await store().getBlobs(shard, [key])).keys()]).toEqual([key]);
    });

    test('what is discarded may go, and nothing else does', async () => {
      const shard = fresh('q');
      const [gone, kept] = [fresh('k'), fresh('k')];
      await store().append(shard, appending(['a'], { ring: lease('n'), blobs: [blob(gone), blob(kept)] }));
      await store().commit(shard, committing('n', { absorbed: 1, discard: [gone, fresh('never')] }));
      const left = await store().getBlobs(shard, [gone, kept]);
      expect(left.has(kept)).toBe(true);
      expect([1, 2]).toContain(left.size);
    });

    test('a commit that is refused discards nothing', async () => {
      const shard = fresh('q');
      const key = fresh('k');
      await store().append(shard, appending(['a'], { ring: lease('n'), blobs: [blob(key)] }));
      await store().append(shard, appending([], { ring: lease('m') }));
      await store().commit(shard, committing('stale', { discard: [key] }));
      await store().commit(shard, committing('n', { rings: 1, discard: [key] }));
      expect((await store().getBlobs(shard, [key])).has(key)).toBe(true);
    });
  });
}

export function removals(store: Given): void {
  describe('removeHead', () => {
    test('an idle head is removed, and the next append begins anew', async () => {
      const shard = await idleShard(store());
      expect(await store().removeHead(shard, 1)).toBe(true);
      expect(await store().readHead(shard)).toBeUndefined();
      const { head } = await store().append(shard, appending(['z'], { ring: lease('m') }));
      expect(head).toMatchObject({ rings: 1, lease: lease('m') });
      expect(head?.state).toBeUndefined();
    });

    test('a head that stays keeps its bodies, and one that goes takes them along', async () => {
      const [shard, key] = [await idleShard(store()), fresh('k')];
      await store().append(shard, appending([], { blobs: [blob(key)] }));
      expect(await store().removeHead(shard, 0)).toBe(false);
      expect((await store().getBlobs(shard, [key])).has(key)).toBe(true);
      expect(await store().removeHead(shard, 1)).toBe(true);
      if (!store().bodiesExpire) expect((await store().getBlobs(shard, [key])).size).toBe(0);
    });

    test('a head that is made anew sees no body of the one before, and keeps its own', async () => {
      const [shard, key] = [await idleShard(store()), fresh('k')];
      await store().append(shard, appending([], { blobs: [blob(key, 'before')] }));
      await store().removeHead(shard, 1);
      const mine = store().bodiesExpire ? fresh('k') : key;
      await store().append(shard, appending(['a'], { blobs: [blob(mine, 'anew')] }));
      expect(texts([...(await store().getBlobs(shard, [mine])).values()])).toEqual(['anew']);
    });

    test('a head that was rung since, is led, or has entries stays', async () => {
      const rung = await idleShard(store());
      expect(await store().removeHead(rung, 0)).toBe(false);
      const led = fresh('q');
      await store().append(led, appending([], { ring: lease('n') }));
      expect(await store().removeHead(led, 1)).toBe(false);
      const full = await idleShard(store());
      await store().append(full, appending(['z']));
      expect(await store().removeHead(full, 1)).toBe(false);
      for (const shard of [rung, led, full]) expect(await store().readHead(shard)).toBeDefined();
    });

    test('a head that is to go whatever it holds goes, and its master can commit nothing more', async () => {
      const shard = fresh('q');
      await store().append(shard, appending(['a'], { ring: lease('n') }));
      expect(await store().removeHead(shard, undefined)).toBe(true);
      expect(await store().readHead(shard)).toBeUndefined();
      expect((await store().commit(shard, committing('n', { absorbed: 1 }))).kind).toBe('lost');
      expect(await store().removeHead(shard, undefined)).toBe(true);
    });

    test('a head that is gone counts as removed', async () => {
      const shard = fresh('q');
      expect(await store().removeHead(shard, 0)).toBe(true);
      expect(await store().readHead(shard)).toBeUndefined();
    });
  });
}

export function watches(store: Given): void {
  describe('awaitChange', () => {
    test('it returns when somebody appends', async () => {
      const shard = fresh('q');
      const { head } = await store().append(shard, appending(['a']));
      const watching = store().awaitChange(shard, head, 20_000);
      await store().append(shard, appending(['b']));
      await watching;
      expect(await inboxOf(store(), shard)).toEqual(['a', 'b']);
    });

    test('it returns when the first head appears', async () => {
      const shard = fresh('q');
      const watching = store().awaitChange(shard, undefined, 20_000);
      await store().append(shard, appending(['a']));
      await watching;
    });

    test('it returns at once if the head is another already', async () => {
      const shard = fresh('q');
      const { head } = await store().append(shard, appending(['a']));
      await store().append(shard, appending(['b']));
      await store().awaitChange(shard, head, 20_000);
    });

    test('it returns after the time given', async () => {
      await store().awaitChange(fresh('q'), undefined, 20);
    });

    test('it returns when nobody waits any more, before or after it began', async () => {
      const shard = fresh('q');
      const nobody = new AbortController();
      const watching = store().awaitChange(shard, undefined, 60_000, nobody.signal);
      nobody.abort();
      await watching;
      await store().awaitChange(shard, undefined, 60_000, nobody.signal);
    });
  });
}
