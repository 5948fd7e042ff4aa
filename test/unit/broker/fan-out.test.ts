import { describe, expect, it } from 'vitest';
import { send } from '../../../lib/broker/verbs/send.ts';
import { subscribe, unsubscribe } from '../../../lib/broker/verbs/subscribe.ts';
import { sweep } from '../../../lib/broker/verbs/sweep.ts';
import type { Push } from '../../../lib/gateway/push.ts';
import type { Environment, EnvironmentParts } from '../../../lib/handlers/environment.ts';
import { cloudLimits } from '../../../lib/model/limits.ts';
import { decodeState } from '../../../lib/shard/codec/state-codec.ts';
import { decodeFrames } from '../../../lib/stomp/parser.ts';
import { countingStore } from '../../../lib/store/counting.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';
import { environmentOn, storeWith, textMessage } from './environment.ts';

const topic = { kind: 'topic', name: 't' } as const;
const shard = '/topic/t';

/** What every connection got: `body`, or `body!` where it was flagged; and which were closed. */
class Posts implements Push {
  readonly got = new Map<string, string[]>();
  readonly closed: string[] = [];
  /** What becomes of a post, besides `sent`. */
  outcomes: (connection: string) => 'gone' | 'refused' | 'unknown' | undefined = () => undefined;
  onPost: () => Promise<void> = async () => {};

  readonly post: Push['post'] = async (connection, octets) => {
    await this.onPost();
    const outcome = this.outcomes(connection);
    if (outcome) return outcome;
    const { frames } = decodeFrames(octets, { limits: cloudLimits, version: '1.2', role: 'client' });
    const texts = frames.map(({ command, headers, body }) => {
      if (command === 'ERROR') return `ERROR ${headers.code}`;
      return `${Buffer.from(body)}${headers.redelivered === 'true' ? '!' : ''}`;
    });
    this.got.set(connection, [...(this.got.get(connection) ?? []), ...texts]);
    return 'sent';
  };
  readonly close: Push['close'] = async (connection) => void this.closed.push(connection);
  readonly isOpen = async () => true;
}

/** A clock that stands still unless somebody sleeps. */
function patientClock() {
  const clock = {
    time: Date.UTC(2026, 0, 1),
    now: () => clock.time,
    date: () => clock.time,
    async sleep(ms: number) {
      clock.time += ms;
    },
  };
  return clock;
}

async function gather(environment: Environment, count: number): Promise<string[]> {
  const connections = Array.from({ length: count }, (_, i) => `c${i}`);
  for (const connection of connections) await join(environment, connection);
  return connections;
}

function join({ broker }: Environment, connection: string): Promise<void> {
  const subscription = { consumer: `consumer-of-${connection}`, connection, subscription: '2as' };
  return subscribe(broker, { ...subscription, destination: topic, ack: 'auto', prefetch: 1 });
}

async function membersOf({ broker }: Environment): Promise<string[]> {
  return (await broker.store.listRecords(`audience ${shard}`, '', 1000)).map(({ name }) => name);
}

function given(parts: Partial<EnvironmentParts> = {}, store = new MemoryStore()) {
  const posts = new Posts();
  const clock = patientClock();
  const environment = environmentOn(store, { push: posts, clock, endsWithReply: false, ...parts });
  const publish = async (...texts: string[]) => {
    await send(environment.broker, topic, texts.map(textMessage));
    await environment.afterwards.idle();
  };
  return { posts, clock, environment, publish };
}

describe('the audience of a topic', () => {
  it('gets every message, each member in order', async () => {
    const { posts, environment, publish } = given();
    const connections = await gather(environment, 200);
    await publish('a', 'b');
    await publish('c');
    for (const connection of connections) expect(posts.got.get(connection)).toEqual(['a', 'b', 'c']);
  });

  it('costs no write, however many its members are', async () => {
    const writes = async (members: number) => {
      const { store, counts, reset } = countingStore(new MemoryStore());
      const { environment, publish } = given({ store });
      await gather(environment, members);
      await publish('first');
      reset();
      await publish('second');
      const { writes, writeUnits } = counts().total;
      return { writes, writeUnits };
    };
    expect(await writes(50)).toEqual(await writes(1));
    expect((await writes(50)).writes).toBe(3);
  });

  it('writes nothing to the head when somebody joins or leaves', async () => {
    const { environment, publish } = given();
    await publish('a');
    const before = await environment.broker.store.readHead(shard);
    await join(environment, 'c');
    await unsubscribe(environment.broker, topic, ['consumer-of-c'], 'unsubscribed');
    expect(await environment.broker.store.readHead(shard)).toEqual(before);
    expect(await membersOf(environment)).toEqual([]);
  });

  it('gets nothing that was sent before it was there, although no turn had been taken', async () => {
    const inner = new MemoryStore();
    const { posts, environment } = given({}, inner);
    const work: (() => Promise<unknown>)[] = [];
    const broker = { ...environment.broker, defer: (later: () => Promise<unknown>) => void work.push(later) };
    await join(environment, 'early');
    await send(broker, topic, [textMessage('a')]);
    await join(environment, 'late');
    await send(broker, topic, [textMessage('b')]);
    for (const later of work) await later();
    expect(posts.got).toEqual(
      new Map([
        ['early', ['a', 'b']],
        ['late', ['b']],
      ]),
    );
  });

  it('gets nothing that expires while others are being posted to', async () => {
    const { posts, clock, environment } = given({ limits: { ...cloudLimits, postsAtOnce: 1 } });
    await gather(environment, 2);
    posts.onPost = () => clock.sleep(100);
    const short = { ...textMessage('short'), headers: { expires: String(clock.now() + 100) } };
    await send(environment.broker, topic, [textMessage('a'), short, textMessage('b')]);
    await environment.afterwards.idle();
    expect([...posts.got.values()]).toEqual([
      ['a', 'short', 'b'],
      ['a', 'b'],
    ]);
  });

  it('loses a member that is gone', async () => {
    const { posts, environment, publish } = given();
    await gather(environment, 3);
    posts.outcomes = (connection) => (connection === 'c1' ? 'gone' : undefined);
    await publish('a');
    expect(await membersOf(environment)).toEqual(['consumer-of-c0', 'consumer-of-c2']);
    expect(posts.got.get('c2')).toEqual(['a']);
    expect(posts.closed).toEqual([]);
  });
});

describe('a member that does not take a post', () => {
  it('gets it again a little later', async () => {
    const { posts, environment, publish } = given();
    await gather(environment, 2);
    let refusals = 3;
    posts.outcomes = (connection) => (connection === 'c0' && refusals-- > 0 ? 'refused' : undefined);
    await publish('a', 'b');
    expect([...posts.got.values()]).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ]);
    expect(posts.closed).toEqual([]);
  });

  it.each(['refused', 'unknown'] as const)(
    'is closed rather than left with a gap, and others go on: %s',
    async (outcome) => {
      const { posts, environment, publish } = given();
      await gather(environment, 3);
      posts.outcomes = (connection) => (connection === 'c1' ? outcome : undefined);
      await publish('a');
      posts.outcomes = () => undefined;
      await publish('b');
      expect(posts.closed).toEqual(['c1']);
      expect(await membersOf(environment)).toEqual(['consumer-of-c0', 'consumer-of-c2']);
      expect(posts.got).toEqual(
        new Map([
          ['c0', ['a', 'b']],
          ['c2', ['a', 'b']],
        ]),
      );
    },
  );

  it('is told why', async () => {
    const { posts, environment, publish } = given();
    await gather(environment, 1);
    let isFirst = true;
    posts.outcomes = () => {
      const outcome = isFirst ? 'unknown' : undefined;
      isFirst = false;
      return outcome;
    };
    await publish('a');
    expect(posts.got.get('c0')).toEqual(['ERROR OVERLOADED']);
  });
});

describe('a lease', () => {
  it('is renewed while an audience takes longer than it lasts', async () => {
    const { posts, clock, environment, publish } = given({ limits: { ...cloudLimits, postsAtOnce: 1 } });
    const connections = await gather(environment, 20);
    posts.onPost = () => clock.sleep(cloudLimits.leaseMs / 4);
    await publish('a');
    for (const connection of connections) expect(posts.got.get(connection)).toEqual(['a']);
    expect((await environment.broker.store.readHead(shard))?.lease).toBeUndefined();
  });

  it('that runs out while it is renewed ends the turn, although nobody took it', async () => {
    let renewals = 0;
    const store = storeWith((inner) => ({
      async commit(name, written) {
        const outcome = await inner.commit(name, written);
        if (written.lease && ++renewals === 1) clock.time += cloudLimits.leaseMs;
        return outcome;
      },
    }));
    const { posts, clock, environment, publish } = given({ store, limits: { ...cloudLimits, postsAtOnce: 1 } });
    await gather(environment, 3);
    posts.onPost = async () => {
      posts.onPost = async () => {};
      clock.time += cloudLimits.leaseMs / 2 + 1;
    };
    await publish('a');
    expect([...posts.got]).toEqual([['c0', ['a']]]);
    clock.time += cloudLimits.skewMs + 1;
    await publish('b');
    expect(posts.got.get('c0')).toEqual(['a', 'a!', 'b!']);
    expect(posts.got.get('c2')).toEqual(['a!', 'b!']);
  });

  it('that was lost on the way ends the turn: the next master pushes to all, flagged', async () => {
    const { posts, clock, environment, publish } = given({ limits: { ...cloudLimits, postsAtOnce: 1 } });
    await gather(environment, 3);
    const { store } = environment.broker;
    posts.onPost = async () => {
      posts.onPost = async () => {};
      clock.time += cloudLimits.leaseMs + cloudLimits.skewMs + 1;
      const seen = (await store.readHead(shard))?.lease?.nonce ?? '';
      await store.steal(shard, { seen, lease: { nonce: 'another', until: clock.time } });
    };
    await publish('a');
    expect([...posts.got]).toEqual([['c0', ['a']]]);
    clock.time += cloudLimits.skewMs + 1;
    await publish('b');
    expect(posts.got.get('c0')).toEqual(['a', 'a!', 'b!']);
    expect(posts.got.get('c2')).toEqual(['a!', 'b!']);
  });
});

describe('a master that dies', () => {
  /** A master that pushes, and dies before the commit of this number, from 1. */
  async function dyingAt(commit: number, persistent: boolean) {
    let commits = 0;
    let isDead = true;
    const store = storeWith((inner) => ({
      async commit(name, written) {
        commits += 1;
        // Nothing more is heard of it.
        if (isDead && commits >= commit) throw new Error('dead');
        return await inner.commit(name, written);
      },
    }));
    const { posts, clock, environment } = given({ store });
    await gather(environment, 2);
    const message = { ...textMessage('a'), headers: persistent ? {} : { persistent: 'false' } };
    await send(environment.broker, topic, [message]);
    await environment.afterwards.idle();
    isDead = false;
    clock.time += 2 * 60_000;
    await sweep(environment.broker);
    await environment.afterwards.idle();
    const head = await environment.broker.store.readHead(shard);
    return { got: posts.got, counts: head?.state && decodeState(head.state).counts };
  }

  it('before its commit has pushed a persistent message, which goes out again, flagged', async () => {
    const { got, counts } = await dyingAt(1, true);
    expect([...got.values()]).toEqual([
      ['a', 'a!'],
      ['a', 'a!'],
    ]);
    expect(counts).toMatchObject({ sent: 1, acknowledged: 1 });
  });

  it('before its first commit has pushed nothing that is not persistent', async () => {
    expect([...(await dyingAt(1, false)).got.values()]).toEqual([['a'], ['a']]);
  });

  it('after its push never pushes again what is not persistent', async () => {
    const { got, counts } = await dyingAt(2, false);
    expect([...got.values()]).toEqual([['a'], ['a']]);
    expect(counts).toMatchObject({ sent: 1, dropped: 1 });
  });
});
