import { describe, expect, it } from 'vitest';
import type { Entry, OnwardPart, OwnPart, Settle } from '../../../lib/shard/codec/entry.ts';
import { unpack } from '../../../lib/shard/codec/packing.ts';
import { encodeState } from '../../../lib/shard/codec/state-codec.ts';
import { NOW, OneShard } from './one-shard.ts';

type Parts = {
  readonly settles?: readonly Settle[];
  readonly own?: readonly OwnPart[];
  readonly onward?: readonly OnwardPart[];
  readonly connection?: string;
};

function ending(kind: 'acknowledge' | 'reject', first: number, count = 1, attempt = 1): Settle {
  return { kind, incarnation: 'abcdef', deliveries: [{ first, count, attempt }] };
}

/** A shard with a consumer, and a way to ask it for transactions. */
class Coordinator extends OneShard {
  transact({ settles = [], own = [], onward = [], connection = '' }: Parts, attempt = 1, id?: string): Entry {
    for (const { key, count, offset } of onward) this.#bring(key, offset + count);
    for (const { key, runs } of own) this.#bring(key, runs.length);
    return this.entry({ kind: 'transact', begun: NOW, connection, settles, own, onward }, attempt, id);
  }

  #bring(key: string, count: number): void {
    const message = { body: Buffer.from(key), text: true, headers: {}, timestamp: NOW };
    this.batches.set(key, Array(count).fill(message));
  }

  get outcomes(): readonly string[] {
    return this.state.decisions.map(({ outcome }) => outcome);
  }
}

/** With two messages in flight. */
function withTwo(limits: ConstructorParameters<typeof OneShard>[0] = {}): Coordinator {
  const shard = new Coordinator(limits);
  shard.take([shard.send([0, 0]), shard.join('client-individual', 2)]);
  return shard;
}

const plain: OwnPart = { key: 'own', runs: [{ count: 1, transient: false, expires: 0 }], sizeBytes: 1 };
const toOther: OnwardPart = { target: '/queue/other', key: 'theirs', offset: 0, count: 2 };

describe('a transaction', () => {
  it('ends deliveries, and sends to its own shard and to others, all at once', () => {
    const shard = withTwo();
    const { turn } = shard.take([
      shard.transact({ settles: [ending('acknowledge', 1)], own: [plain], onward: [toOther] }),
    ]);
    expect(shard.outcomes).toEqual(['committed']);
    expect(shard.state.counts).toMatchObject({ sent: 3, acknowledged: 1 });
    expect(OneShard.given(turn)).toMatchObject([{ sequence: 3 }]);
    expect(turn.forwards).toMatchObject([
      { target: '/queue/other', commitFirst: true, mayBeRepeat: false, messages: [{ number: 1 }, { number: 2 }] },
    ]);
    expect(shard.state).toMatchObject({ onward: [], nextOnward: 3 });
    expect(shard.discarded).toContain('theirs');
  });

  it('does nothing where a delivery is over, and gives the others back, counted', () => {
    const shard = withTwo();
    shard.take([shard.acknowledge(1, 1, 1)]);
    const settles = [ending('acknowledge', 1), ending('acknowledge', 2)];
    shard.take([shard.transact({ settles, own: [plain], onward: [toOther] })]);
    expect(shard.outcomes).toEqual(['over']);
    expect(shard.state).toMatchObject({ next: 3, onward: [], nextOnward: 1, counts: { sent: 2, acknowledged: 1 } });
    expect(shard.state.flights).toMatchObject([{ first: 2, attempt: 2, failures: 1, redelivered: true }]);
    expect(shard.discarded).toEqual(expect.arrayContaining(['own', 'theirs']));
  });

  it('does nothing where a delivery is that of another connection, and leaves it there', () => {
    const shard = withTwo();
    shard.take([shard.transact({ settles: [ending('acknowledge', 1)], connection: 'another' })]);
    expect(shard.outcomes).toEqual(['over']);
    expect(shard.state.flights).toMatchObject([{ first: 1, count: 2, attempt: 1 }]);
  });

  it('counts where a dead master may have given its delivery out once more', () => {
    const shard = withTwo();
    shard.take([shard.entry({ kind: 'leave', consumer: '00000002', reason: 'lost' })]);
    shard.take([shard.transact({ settles: [ending('acknowledge', 1)], onward: [toOther] })], { takeover: true });
    expect(shard.outcomes).toEqual(['committed']);
    expect(shard.state.returned).toMatchObject([{ first: 2 }]);
  });

  it('does nothing where too much waits for other shards, and leaves its deliveries where they are', () => {
    const shard = withTwo({ outgoingBytes: 90 });
    const settles = [ending('acknowledge', 1)];
    shard.take([shard.transact({ settles, onward: [toOther] })], {}, 'sent', 'refused');
    expect(shard.outcomes).toEqual(['full']);
    expect(shard.state.flights).toMatchObject([{ first: 1, count: 2, attempt: 1 }]);
  });

  it('is decided once, however often and however late it comes', () => {
    const shard = withTwo();
    const entry = shard.transact({ settles: [ending('acknowledge', 1)], onward: [toOther] });
    shard.take([entry, { ...entry, attempt: 2 }]);
    shard.take([{ ...entry, attempt: 3 }]);
    expect(shard.outcomes).toEqual(['committed']);
    expect(shard.state.nextOnward).toBe(3);
  });

  it('is not decided again once it is forgotten, and not for the first time where nobody can tell', () => {
    const shard = new Coordinator({ inboxEntries: 4 });
    const entry = shard.transact({ own: [plain] });
    shard.take([entry]);
    for (let n = 0; n < 5; n++) shard.take([shard.transact({ onward: [{ ...toOther, key: `k${n}` }] })]);
    expect(shard.outcomes).toHaveLength(4);
    shard.take([{ ...entry, attempt: 2 }]);
    shard.take([entry]);
    expect(shard.state.counts.sent).toBe(1);
    expect(shard.state.decisions).toHaveLength(4);
  });

  it('is not decided by a repeat where nothing is known from before it: a deleted queue may have decided it', () => {
    const shard = new Coordinator();
    shard.take([shard.transact({ own: [plain] }, 2)]);
    expect(shard.state).toMatchObject({ decisions: [], counts: { sent: 0 } });
  });

  it('is remembered for ten minutes', () => {
    const shard = new Coordinator();
    shard.take([shard.transact({ own: [plain] })]);
    shard.take([], { now: NOW + 10 * 60_000 - 1 });
    expect(shard.outcomes).toEqual(['committed']);
    shard.take([], { now: NOW + 10 * 60_000 });
    expect(shard.state).toMatchObject({ decisions: [], forgotDecision: NOW });
  });

  it('brings back the bodies of an aborted one that is repeated to nobody', () => {
    const shard = withTwo();
    const entry = shard.transact({ settles: [ending('acknowledge', 7)], own: [plain] });
    shard.take([entry]);
    shard.discarded.length = 0;
    shard.take([{ ...entry, attempt: 2 }]);
    expect(shard.discarded).toEqual(['own']);
  });

  it('keeps everything that goes out in its turn until it is committed', () => {
    const shard = withTwo();
    const entries = [shard.transact({ settles: [ending('acknowledge', 1)] }), shard.send([0])];
    expect(shard.decide(entries, shard.context()).deliveries).toMatchObject([{ commitFirst: true }]);
    expect(shard.decide([shard.acknowledge(1, 1, 1), shard.send([0])], shard.context()).deliveries).toMatchObject([
      { commitFirst: false },
    ]);
  });

  it('that only sends has its messages where it stands in the inbox', () => {
    const shard = new Coordinator();
    shard.take([shard.send([0]), shard.transact({ own: [plain] }), shard.send([0])]);
    expect(shard.state.references.map(({ key }) => key)).toEqual(['batch-1', 'own', 'batch-3']);
  });
});

describe('what a transaction sent on', () => {
  const part = (target: string, key: string, offset = 0, count = 1): OnwardPart => ({ target, key, offset, count });

  it('goes to each target in its order, and waits for none of the others', () => {
    const shard = new Coordinator();
    const onward = [part('/queue/a', 'k', 0), part('/queue/b', 'k', 1), part('/queue/a', 'k', 2)];
    shard.take([shard.transact({ onward })], {}, 'sent', 'refused');
    expect(shard.state.onwardRetries).toMatchObject([{ target: '/queue/a' }, { target: '/queue/b' }]);
    expect(shard.take([]).turn.forwards).toEqual([]);
    const { turn } = shard.take([], { now: NOW + 1000 });
    expect(turn.forwards.map(({ target, messages }) => [target, messages.map(({ number }) => number)])).toEqual([
      ['/queue/a', [1, 3]],
      ['/queue/b', [2]],
    ]);
    expect(shard.discarded).toEqual(['k']);
  });

  it('wakes the shard when a target that refused is to be tried again', () => {
    const shard = new Coordinator();
    const { settled } = shard.take([shard.transact({ onward: [toOther] })], {}, 'sent', 'refused');
    expect(settled).toMatchObject({ wakeAt: NOW + 1000, more: false });
  });

  it('may be a repeat as far as a target may have taken it, and no further', () => {
    const shard = new Coordinator({ turnMessages: 1 });
    shard.take([shard.transact({ onward: [part('/queue/a', 'k', 0, 3)] })], {}, 'sent', 'unknown');
    const next = () => shard.take([], { now: NOW + 9000 }).turn.forwards;
    expect(next()).toMatchObject([{ mayBeRepeat: true, messages: [{ number: 1 }] }]);
    expect(next()).toMatchObject([{ mayBeRepeat: false, messages: [{ number: 2 }] }]);
  });

  it('may all be a repeat after a dead master, also what goes later', () => {
    const shard = new Coordinator({ turnMessages: 1 });
    shard.take([shard.transact({ onward: [part('/queue/a', 'k', 0, 3)] })], {}, 'sent', 'refused');
    shard.take([], { now: NOW + 9000, takeover: true });
    expect(shard.take([], { now: NOW + 9000 }).turn.forwards).toMatchObject([{ mayBeRepeat: true }]);
  });

  it('holds up nobody where its bodies are missing', () => {
    const shard = new Coordinator();
    shard.take([shard.transact({ onward: [toOther] })], {}, 'sent', 'refused');
    shard.batches.clear();
    const { turn } = shard.take([], { now: NOW + 1000 });
    expect(turn.missing).toEqual(['theirs']);
    expect(shard.state).toMatchObject({ onward: [], onwardRetries: [] });
  });

  it('is kept alive with the rest', () => {
    const shard = new Coordinator({ retentionMs: 1000_000 });
    const expiring = { bodiesExpire: true, now: NOW + 500_000 };
    shard.take([shard.transact({ onward: [toOther] })], { bodiesExpire: true }, 'sent', 'refused');
    const { turn } = shard.take([], expiring, 'sent', 'refused');
    expect(turn.keepAlive).toMatchObject({ upTo: 0 });
    const born = expiring.now / 1000;
    shard.take([shard.entry({ kind: 'kept-alive', upTo: 0, born, seen: born, onward: 3 })], expiring);
    expect(shard.state).toMatchObject({ onward: [{ born }], keepAlive: undefined });
  });

  it('is known to its target by its number, and all that lies below what came', () => {
    const target = new OneShard();
    const arrive = (numbers: readonly number[], attempt = 1) => {
      const key = `k${numbers.join('.')}${attempt}`;
      const source = 'abcdef /queue/source |';
      target.take([target.entry({ kind: 'forward', key, source, numbers, born: NOW / 1000 }, attempt)]);
    };
    arrive([4, 9]);
    arrive([4, 9], 2);
    arrive([7]);
    expect(target.state.counts.sent).toBe(2);
    arrive([12]);
    expect(target.state.counts.sent).toBe(3);
    expect(target.state.sources[0]?.taken).toEqual([[12, 13]]);
  });

  it('comes from many queues without any of them being forgotten', () => {
    const target = new OneShard();
    for (const round of [1, 2]) {
      for (let n = 0; n < 64; n++) {
        const source = `abcdef /queue/source${n} |`;
        const forward = { kind: 'forward', key: `k${n}.${round}`, source, numbers: [round], born: NOW / 1000 } as const;
        target.take([target.entry(forward)]);
      }
    }
    expect(target.state.counts.sent).toBe(128);
    expect(target.state.references.some(({ flagged }) => flagged)).toBe(false);
  });

  it('says which of it is not persistent, and what expires', () => {
    const target = new OneShard();
    const runs = [
      { count: 1, transient: true, expires: 0 },
      { count: 2, transient: false, expires: NOW + 5 },
    ];
    const common = { kind: 'forward', key: 'k', source: 'abcdef /queue/source |', born: NOW / 1000 } as const;
    target.take([target.entry({ ...common, numbers: [1, 2, 3], runs })]);
    expect(target.state.references).toMatchObject([
      { first: 1, count: 1, transient: true, expires: 0 },
      { first: 2, count: 2, transient: false, expires: NOW + 5 },
    ]);
  });

  it('makes a state that older code refuses, and nothing else does', () => {
    const versionOf = ({ state }: OneShard) => unpack('state', encodeState(state), ([version]) => version);
    const shard = withTwo();
    expect(versionOf(shard)).toBe(1);
    shard.take([shard.transact({ onward: [toOther] })]);
    expect(versionOf(shard)).toBe(3);
  });
});
