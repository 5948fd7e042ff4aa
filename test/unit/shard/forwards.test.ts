import { describe, expect, it } from 'vitest';
import { total } from '../../../lib/shard/state/draft.ts';
import { NOW, OneShard } from './one-shard.ts';

/** A shard with `count` messages that are on their way to its dead-letter queue by the next turn. */
function exhausted(count: number, limits: ConstructorParameters<typeof OneShard>[0] = {}) {
  const shard = new OneShard({ deliveries: 1, ...limits });
  shard.take([shard.send(Array(count).fill(0)), shard.join('client-individual', count)]);
  const deliveries = [{ first: 1, count, attempt: 1 }];
  return { shard, rejection: shard.entry({ kind: 'reject', incarnation: 'abcdef', deliveries }) };
}

describe('what exhausted its deliveries', () => {
  it('is forwarded a turn’s worth at a time, in order, each under a number of its own', () => {
    const { shard, rejection } = exhausted(5, { turnMessages: 2 });
    while (shard.state.flights.length === 0 || shard.state.references.length > 0) shard.take([]);
    const turns = [shard.take([rejection]), shard.take([]), shard.take([])];
    expect(
      turns.map(({ turn }) =>
        turn.forwards[0]?.messages.map((letter) => [letter.number, 'sequence' in letter && letter.sequence]),
      ),
    ).toEqual([
      [
        [1, 1],
        [2, 2],
      ],
      [
        [3, 3],
        [4, 4],
      ],
      [[5, 5]],
    ]);
    expect(turns.map(({ settled }) => settled.more)).toEqual([true, true, false]);
    expect(shard.state).toMatchObject({ outgoing: [], held: [], counts: { deadLettered: 5 } });
  });

  it('stays when it is refused, and is tried again later and later', () => {
    const { shard, rejection } = exhausted(1);
    shard.take([rejection], {}, 'sent', 'refused');
    expect(shard.state).toMatchObject({ outgoing: [{ first: 1, number: 1 }], counts: { deadLettered: 0 } });
    let now = NOW;
    const waits: number[] = [];
    for (let tries = 0; tries < 8; tries++) {
      const { at } = shard.state.forwardRetry ?? { at: 0 };
      waits.push(at - now);
      expect(shard.take([], { now: at - 1 }).turn.forwards[0]).toBeUndefined();
      now = at;
      const { turn, settled } = shard.take([], { now }, 'sent', 'refused');
      expect(turn.forwards[0]).toMatchObject({ mayBeRepeat: false, messages: [{ number: 1 }] });
      expect(settled).toMatchObject({ more: false, wakeAt: shard.state.forwardRetry?.at });
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
    shard.take([], { now: now + 60_000 });
    expect(shard.state).toMatchObject({ outgoing: [], forwardRetry: undefined, counts: { deadLettered: 1 } });
  });

  it('says that it may be a repeat from the time on that nobody heard what became of it', () => {
    const { shard, rejection } = exhausted(1);
    shard.take([rejection], {}, 'sent', 'unknown');
    let now = NOW;
    for (const outcome of ['refused', 'unknown', 'taken'] as const) {
      now += 10_000;
      const { turn } = shard.take([], { now }, 'sent', outcome);
      expect(turn.forwards[0]).toMatchObject({ commitFirst: false, mayBeRepeat: true });
    }
  });

  it('may be a repeat after a dead master, though it was refused before and the time for it comes later', () => {
    const { shard, rejection } = exhausted(1);
    shard.take([rejection], {}, 'sent', 'refused');
    shard.take([], { takeover: true });
    expect(shard.take([], { now: NOW + 1000 }).turn.forwards[0]).toMatchObject({ mayBeRepeat: true });
  });

  it('holds up nothing that is ready while it is refused', () => {
    const { shard, rejection } = exhausted(1);
    shard.take([rejection], {}, 'sent', 'refused');
    const { turn } = shard.take([shard.send([0])]);
    expect(OneShard.given(turn)).toMatchObject([{ sequence: 2 }]);
  });

  it('is not taken for outgoing already where a purge took away what was', () => {
    const shard = new OneShard({ deliveries: 1 });
    shard.take([shard.send([0, 0]), shard.join('client-individual', 2)]);
    const reject = (first: number) =>
      shard.entry({ kind: 'reject', incarnation: 'abcdef', deliveries: [{ first, count: 1, attempt: 1 }] });
    shard.take([reject(1)], {}, 'sent', 'refused');
    const { turn } = shard.take([shard.entry({ kind: 'purge' }), reject(2)]);
    expect(turn.forwards[0]).toMatchObject({ commitFirst: true, messages: [{ sequence: 2 }] });
  });

  it('is never forwarded before a commit has it outgoing', () => {
    const { shard, rejection } = exhausted(1);
    expect(shard.decide([rejection], shard.context()).forwards[0]).toMatchObject({
      commitFirst: true,
      mayBeRepeat: false,
    });
    shard.take([rejection], {}, 'sent', 'refused');
    const after = shard.decide([], shard.context({ now: NOW + 1000 }));
    expect(after.forwards[0]).toMatchObject({ commitFirst: false, mayBeRepeat: false });
  });

  it('may be a repeat for whoever takes over from a dead master', () => {
    const { shard, rejection } = exhausted(2, { turnMessages: 1 });
    while (shard.state.references.length > 0) shard.take([]);
    shard.take([rejection]);
    const { forwards } = shard.decide([], shard.context({ takeover: true }));
    expect(forwards[0]).toMatchObject({ commitFirst: false, mayBeRepeat: true, messages: [{ number: 2 }] });
  });

  it('takes no room from what is in flight: many times as much may be refused', () => {
    const shard = new OneShard({ deliveries: 1, inFlightPerShard: 4 });
    shard.take([shard.join('client-individual', 4), shard.send(Array(100).fill(0))]);
    for (let first = 1; first <= 97; first += 4) {
      expect(shard.state.flights).toMatchObject([{ first, count: 4 }]);
      const deliveries = [1, 3].map((i) => ({ first: first + i, count: 1, attempt: 1 }));
      const others = [0, 2].map((i) => shard.acknowledge(first + i, 1, 1));
      const rejection = shard.entry({ kind: 'reject', incarnation: 'abcdef', deliveries });
      shard.take([...others, rejection], {}, 'sent', 'refused');
    }
    expect(total(shard.state.outgoing)).toBe(50);
    expect(shard.state).toMatchObject({ flights: [], counts: { acknowledged: 50 } });
  });

  it('lets nothing more be delivered once it takes as much of the head as it may, until its target takes it', () => {
    const { shard, rejection } = exhausted(2, { outgoingBytes: 50 });
    shard.take([rejection, shard.send([0, 0])], {}, 'sent', 'refused');
    expect(OneShard.given(shard.take([]).turn)).toEqual([]);
    const { settled } = shard.take([], { now: NOW + 1000 });
    expect(settled.more).toBe(true);
    expect(OneShard.given(shard.take([], { now: NOW + 1000 }).turn)).toHaveLength(2);
  });

  it('is one range where it follows what is outgoing, and of that only what a commit has is forwarded', () => {
    const shard = new OneShard({ deliveries: 1 });
    shard.take([shard.send([0, 0]), shard.join('client-individual', 2)]);
    const rejected = (first: number) =>
      shard.entry({ kind: 'reject', incarnation: 'abcdef', deliveries: [{ first, count: 1, attempt: 1 }] });
    shard.take([rejected(1)], {}, 'sent', 'refused');
    const { turn } = shard.take([rejected(2)], { now: NOW + 1000 }, 'sent', 'refused');
    expect(turn.forwards[0]).toMatchObject({ commitFirst: false, messages: [{ sequence: 1 }] });
    expect(shard.state.outgoing).toEqual([{ first: 1, count: 2, failures: 1, number: 1 }]);
  });

  it('is taken by a purge once it was refused: its target may never take it', () => {
    const { shard, rejection } = exhausted(1);
    shard.take([rejection, shard.send([0])], {}, 'sent', 'refused');
    shard.take([shard.entry({ kind: 'purge' })]);
    expect(shard.state).toMatchObject({ outgoing: [], forwardRetry: undefined, counts: { purged: 1 } });
  });

  it('waits for its commit, although a purge takes in the same turn what was outgoing before', () => {
    const { shard } = exhausted(2);
    const rejected = (first: number) =>
      shard.entry({ kind: 'reject', incarnation: 'abcdef', deliveries: [{ first, count: 1, attempt: 1 }] });
    shard.take([rejected(1)], {}, 'sent', 'refused');
    const { forwards } = shard.decide([shard.entry({ kind: 'purge' }), rejected(2)], shard.context());
    expect(forwards[0]).toMatchObject({
      commitFirst: true,
      mayBeRepeat: false,
      messages: [{ number: 2, sequence: 2 }],
    });
  });

  it('calls for no turn once its body is missing, though it was refused before', () => {
    const { shard, rejection } = exhausted(1);
    shard.take([rejection], {}, 'sent', 'refused');
    shard.batches.clear();
    const { settled } = shard.take([], { now: NOW + 1000 });
    expect(shard.state).toMatchObject({ outgoing: [], apart: [{ first: 1 }], forwardRetry: undefined });
    expect(settled.wakeAt).toBeUndefined();
  });
});

describe('what another shard forwards', () => {
  const forwarded = (shard: OneShard, source: string, numbers: number[], attempt = 1, born = 5) => {
    const entry = shard.entry({ kind: 'forward', key: '', source, numbers, born }, attempt);
    const key = `of-${entry.id}`;
    shard.batches.set(
      key,
      numbers.map((n) => ({ body: Buffer.from(`${n}`), text: true, headers: {}, timestamp: 0 })),
    );
    return { ...entry, key };
  };
  const flagsFrom = ({ state }: OneShard, from: number) =>
    state.references.filter(({ first }) => first >= from).map(({ count, flagged }) => [count, flagged]);

  it('is known again although many other shards forwarded more since', () => {
    const shard = new OneShard();
    shard.take([forwarded(shard, 'first', [1])]);
    for (let n = 1; n <= 3; n++) {
      for (let i = 0; i < 7; i++) shard.take([forwarded(shard, `other${i}`, [n])]);
    }
    const repeat = forwarded(shard, 'first', [1], 2);
    shard.take([repeat]);
    expect(shard.state.counts.sent).toBe(1 + 3 * 7);
    // Where bodies stay until they are discarded, the repeat's go at once.
    expect(shard.discarded).toEqual([repeat.key]);
  });

  it('bears a flag where it may be a repeat and its source is forgotten', () => {
    const shard = new OneShard();
    shard.take([forwarded(shard, 'first', [1])]);
    for (let i = 0; i < 8; i++) shard.take([forwarded(shard, `other${i}`, [1])]);
    const at = shard.state.next;
    shard.take([forwarded(shard, 'first', [1, 2, 3], 2), forwarded(shard, 'other0', [2])]);
    expect(flagsFrom(shard, at)).toEqual([
      [3, true],
      [1, true],
    ]);
  });

  it('bears a flag where its source may be forgotten and it was held up on its way, its first message too', () => {
    const shard = new OneShard();
    shard.take([forwarded(shard, 'first', [1, 2, 3], 2)]);
    for (let i = 0; i < 8; i++) shard.take([forwarded(shard, `other${i}`, [1])]);
    const at = shard.state.next;
    shard.take([forwarded(shard, 'first', [1, 2], 1, 4), forwarded(shard, 'first', [3], 1, 4)]);
    shard.take([forwarded(shard, 'first', [4], 1, 6)]);
    expect(flagsFrom(shard, at)).toEqual([
      [2, true],
      [1, true],
      [1, false],
    ]);
  });

  it('bears a flag where it is a repeat of which the shard never heard: one of its name may have been deleted', () => {
    const shard = new OneShard();
    shard.take([forwarded(shard, 'first', [4, 5], 2)]);
    shard.take([forwarded(shard, 'first', [6])]);
    expect(flagsFrom(shard, 1)).toEqual([
      [2, true],
      [1, false],
    ]);
  });

  it('bears a flag where it comes after a later one of a source that was not known before', () => {
    const shard = new OneShard();
    shard.take([forwarded(shard, 'first', [4])]);
    shard.take([forwarded(shard, 'first', [2])]);
    shard.take([forwarded(shard, 'first', [3])]);
    shard.take([forwarded(shard, 'first', [2, 3], 2)]);
    expect(flagsFrom(shard, 1)).toEqual([
      [1, false],
      [1, true],
      [1, true],
    ]);
  });

  it('is new, whatever its number, as long as no source was ever forgotten', () => {
    const shard = new OneShard();
    shard.take([forwarded(shard, 'first', [5])]);
    expect(shard.state.references).toMatchObject([{ flagged: false }]);
  });
});
