import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Append, Blob, Commit, Due, Head, Lease, Store } from '../../lib/store/port.ts';

export type Opened = { readonly store: Store; close(): Promise<void> };

const MINUTE = 29_000_000;
const FAR_SECONDS = 4_000_000_000;

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function texts(values: readonly Uint8Array[]): string[] {
  return values.map((value) => new TextDecoder().decode(value));
}

export function fresh(name: string): string {
  return `${name}-${randomBytes(8).toString('hex')}`;
}

export function lease(nonce: string, until = 1_700_000_000_000): Lease {
  return { nonce, until };
}

export function blob(key: string, content: string | Uint8Array = key): Blob {
  return { key, bytes: typeof content === 'string' ? bytes(content) : content, expiresAt: FAR_SECONDS };
}

export function appending(entries: readonly string[], overrides: Partial<Append> = {}): Append {
  return {
    blobs: [],
    entries: entries.map(bytes),
    ring: undefined,
    room: 64,
    minute: MINUTE,
    mustExist: false,
    ...overrides,
  };
}

export function committing(nonce: string, overrides: Partial<Commit> = {}): Commit {
  return {
    nonce,
    state: bytes('state'),
    absorbed: 0,
    lease: undefined,
    rings: 1,
    blobs: [],
    wake: undefined,
    discard: [],
    ...overrides,
  };
}

/** What every store does, whatever it is made of. The store may hold other data: names are fresh. */
export function storeContract(name: string, open: () => Promise<Opened>): void {
  describe(name, () => {
    let opened: Opened;
    const store = (): Store => opened.store;
    beforeAll(async () => {
      opened = await open();
    }, 60_000);
    afterAll(() => opened?.close());
    appends(store);
    elections(store);
    commits(store);
    removals(store);
    watches(store);
    blobs(store);
    transactions(store);
    whatIsDue(store);
    records(store);
  });
}

type Given = () => Store;

function appends(store: Given): void {
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

function elections(store: Given): void {
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

function commits(store: Given): void {
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

function removals(store: Given): void {
  describe('removeHead', () => {
    test('an idle head is removed, and the next append begins anew', async () => {
      const shard = await idleShard(store());
      expect(await store().removeHead(shard, 1)).toBe(true);
      expect(await store().readHead(shard)).toBeUndefined();
      const { head } = await store().append(shard, appending(['z'], { ring: lease('m') }));
      expect(head).toMatchObject({ rings: 1, lease: lease('m') });
      expect(head?.state).toBeUndefined();
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

    test('a head that is gone counts as removed', async () => {
      const shard = fresh('q');
      expect(await store().removeHead(shard, 0)).toBe(true);
      expect(await store().readHead(shard)).toBeUndefined();
    });
  });
}

function watches(store: Given): void {
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
  });
}

function blobs(store: Given): void {
  describe('blobs', () => {
    test('a blob that exists is left as it is', async () => {
      const shard = fresh('q');
      const key = fresh('k');
      await store().append(shard, appending(['a'], { blobs: [blob(key, 'first')] }));
      await store().append(shard, appending(['b'], { blobs: [blob(key, 'second')] }));
      expect(texts([...(await store().getBlobs(shard, [key])).values()])).toEqual(['first']);
    });

    test('the same key in two shards is two blobs', async () => {
      const [one, two, key] = [fresh('q'), fresh('q'), fresh('k')];
      await store().append(one, appending(['a'], { blobs: [blob(key, 'one')] }));
      expect((await store().getBlobs(two, [key])).size).toBe(0);
      await store().append(two, appending(['a'], { blobs: [blob(key, 'two')] }));
      expect(texts([...(await store().getBlobs(one, [key])).values()])).toEqual(['one']);
    });

    test('missing keys are absent, repeated keys come once, and none asks for nothing', async () => {
      const shard = fresh('q');
      const key = fresh('k');
      await store().append(shard, appending(['a'], { blobs: [blob(key)] }));
      const found = await store().getBlobs(shard, [fresh('no'), key, key]);
      expect([...found.keys()]).toEqual([key]);
      expect((await store().getBlobs(shard, [])).size).toBe(0);
    });

    test('250 blobs come in one call', async () => {
      const shard = fresh('q');
      const many = Array.from({ length: 250 }, (_, at) => blob(`${fresh('k')}-${at}`, `body ${at}`));
      await store().append(shard, appending(['a'], { blobs: many }));
      const found = await store().getBlobs(
        shard,
        many.map(({ key }) => key),
      );
      expect(found.size).toBe(250);
      for (const { key, bytes: body } of many) expect([...(found.get(key) ?? [])]).toEqual([...body]);
    });

    test('350 KB of any octets come back as they were', async () => {
      const shard = fresh('q');
      const key = fresh('k');
      const body = randomBytes(350 * 1024);
      await store().append(shard, appending(['a'], { blobs: [blob(key, body)] }));
      const found = (await store().getBlobs(shard, [key])).get(key) ?? bytes('');
      expect(Buffer.compare(found, body)).toBe(0);
    });

    test('60 blobs of 350 KB, more than one answer holds, come in one call', async () => {
      const shard = fresh('q');
      const many = Array.from({ length: 60 }, (_, at) => blob(`${fresh('k')}-${at}`, Buffer.alloc(350 * 1024, at)));
      await store().append(shard, appending(['a'], { blobs: many }));
      const found = await store().getBlobs(
        shard,
        many.map(({ key }) => key),
      );
      expect([...found.values()].every((body) => body.length === 350 * 1024)).toBe(true);
      expect(found.size).toBe(60);
    }, 30_000);

    test('extending passes over what is missing and changes no octet', async () => {
      const shard = fresh('q');
      const [key, missing] = [fresh('k'), fresh('no')];
      await store().append(shard, appending(['a'], { blobs: [blob(key, 'body')] }));
      await store().extendBlobs(shard, [key, missing], FAR_SECONDS + 1000);
      const found = await store().getBlobs(shard, [key, missing]);
      expect([...found.keys()]).toEqual([key]);
      expect(texts([...found.values()])).toEqual(['body']);
    });
  });
}

function transactions(store: Given): void {
  describe('transact', () => {
    test('all blobs are put', async () => {
      const shard = fresh('q');
      const many = Array.from({ length: 100 }, (_, at) => blob(`${fresh('k')}-${at}`));
      expect(await store().transact(shard, many)).toEqual({ kind: 'done' });
      const keys = many.map(({ key }) => key);
      expect((await store().getBlobs(shard, keys)).size).toBe(100);
    });

    test('none is put if one exists, and the outcome names it', async () => {
      const shard = fresh('q');
      const [taken, free] = [fresh('k'), fresh('k')];
      await store().transact(shard, [blob(taken, 'first')]);
      const outcome = await store().transact(shard, [blob(free), blob(taken, 'second')]);
      expect(outcome).toEqual({ kind: 'exists', keys: [taken] });
      const found = await store().getBlobs(shard, [taken, free]);
      expect(texts([...found.values()])).toEqual(['first']);
    });

    test('of two that want the same key at once, one is done or both are told to try again', async () => {
      const shard = fresh('q');
      const key = fresh('arbiter');
      const outcomes = await Promise.all(
        ['a', 'b'].map((who) =>
          store()
            .transact(shard, [blob(key, who), blob(fresh('k'))])
            .catch(() => undefined),
        ),
      );
      expect(outcomes.filter((outcome) => outcome?.kind === 'done').length).toBeLessThanOrEqual(1);
    });
  });
}

function whatIsDue(store: Given): void {
  describe('due', () => {
    test('an append makes its shard due, with the minute of the first', async () => {
      const shard = fresh('q');
      await store().append(shard, appending(['a'], { minute: MINUTE }));
      await store().append(shard, appending(['b'], { minute: MINUTE + 5 }));
      expect(await dueOf(store(), shard, MINUTE - 1)).toEqual([]);
      expect(await dueOf(store(), shard, MINUTE)).toEqual([{ shard, minute: MINUTE, kind: 'ring' }]);
    });

    test('what is settled is due no more, until the next append', async () => {
      const shard = await idleShard(store());
      const [ring] = await dueOf(store(), shard, MINUTE);
      expect(ring && (await store().settle(ring, 1))).toBe(true);
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
      expect(await store().settle(ringOf(rung), 0)).toBe(false);
      expect(await store().settle(ringOf(led), 1)).toBe(false);
      expect(await store().settle(ringOf(full), 1)).toBe(false);
      for (const shard of [rung, led, full]) expect(await dueOf(store(), shard, MINUTE)).toHaveLength(1);
    });

    test('a shard that was appended to, but never rung, settles once it is empty of entries', async () => {
      const shard = fresh('q');
      await store().append(shard, appending([]));
      expect(await store().settle({ shard, minute: MINUTE, kind: 'ring' }, 0)).toBe(true);
      expect(await dueOf(store(), shard, MINUTE)).toEqual([]);
    });

    test('a ring of a head that is gone settles, and makes no head', async () => {
      const shard = await idleShard(store());
      await store().removeHead(shard, 1);
      expect(await store().settle({ shard, minute: MINUTE, kind: 'ring' }, 1)).toBe(true);
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
      expect(await dueOf(store(), shard, MINUTE + 1)).toEqual([at(MINUTE + 1)]);
      expect(await dueOf(store(), shard, MINUTE + 2)).toEqual([at(MINUTE + 1), at(MINUTE + 2)]);
      expect(await store().settle(at(MINUTE + 1), 77)).toBe(true);
      expect(await dueOf(store(), shard, MINUTE + 2)).toEqual([at(MINUTE + 2)]);
    });

    test('at most `limit` are listed', async () => {
      for (let at = 0; at < 5; at++) await store().append(fresh('q'), appending(['a']));
      expect((await store().due(MINUTE, 3)).length).toBe(3);
    });
  });
}

function records(store: Given): void {
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

/** Rung once, with nothing left to do. */
async function idleShard(store: Store): Promise<string> {
  const shard = fresh('q');
  await store.append(shard, appending(['a'], { ring: lease('n') }));
  await store.commit(shard, committing('n', { absorbed: 1 }));
  return shard;
}

async function headOf(store: Store, shard: string): Promise<Head> {
  const head = await store.readHead(shard);
  if (!head) throw new Error(`The shard ${shard} has no head.`);
  return head;
}

async function inboxOf(store: Store, shard: string): Promise<string[]> {
  return texts((await headOf(store, shard)).inbox);
}

async function dueOf(store: Store, shard: string, minute: number): Promise<readonly Due[]> {
  return (await store.due(minute, 10_000)).filter((due) => due.shard === shard);
}

async function recordOf(store: Store, key: { family: string; name: string }): Promise<string | undefined> {
  const value = await store.getRecord(key);
  return value && texts([value])[0];
}
