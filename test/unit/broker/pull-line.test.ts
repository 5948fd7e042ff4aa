import { describe, expect, it } from 'vitest';
import { append } from '../../../lib/broker/requests.ts';
import { receive } from '../../../lib/broker/verbs/receive.ts';
import { send } from '../../../lib/broker/verbs/send.ts';
import { type Environment, type EnvironmentParts, systemClock } from '../../../lib/handlers/environment.ts';
import { localLimits } from '../../../lib/model/limits.ts';
import type { Delivery } from '../../../lib/model/message.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Store } from '../../../lib/store/port.ts';
import { environmentOn, storeWith, textMessage } from './environment.ts';

const LONG = { waitMs: 20_000, visibilityMs: 60_000 };
const NEVER_ENDS = 30_000;

const selfHosted = (store: Store, parts: Partial<EnvironmentParts> = {}) =>
  environmentOn(store, { limits: localLimits, endsWithReply: false, ...parts });

const sendTo = ({ broker }: Environment, ...bodies: string[]) =>
  send(broker, { kind: 'queue', name: 'q' }, bodies.map(textMessage));

const pull = ({ broker }: Environment, max = 1, waitMs = LONG.waitMs) => receive(broker, 'q', { ...LONG, max, waitMs });

const bodies = (deliveries: readonly Delivery[]) =>
  deliveries.map(({ message }) => Buffer.from(message.body).toString());

/** A store that counts appends, and says when nothing of it has been asked for a while. */
function counted() {
  const count = { appends: 0 };
  const store = storeWith((inner) => ({
    append(shard, append) {
      count.appends++;
      return inner.append(shard, append);
    },
  }));
  return { store, count };
}

/** Lets everything go on that waits for nothing but its turn. */
async function atRest(environment: Environment): Promise<void> {
  for (let i = 0; i < 10; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    await environment.afterwards.idle();
  }
}

describe('pulls that wait for one queue', () => {
  it('cost no more than one write for each message that comes, however many they are', async () => {
    const { store, count } = counted();
    const environment = selfHosted(store);
    const waiting = Array.from({ length: 100 }, () => pull(environment));
    await atRest(environment);
    for (const [i, served] of waiting.slice(0, 10).entries()) {
      count.appends = 0;
      await sendTo(environment, `m${i}`);
      expect(bodies(await served)).toEqual([`m${i}`]);
      await atRest(environment);
      // One is that of the send.
      expect(count.appends).toBeLessThanOrEqual(2);
    }
    environment.broker.lines.end();
    await Promise.all(waiting);
  });

  it.each([
    [
      'by a request each',
      (environment: Environment, names: string[]) => names.map((name) => sendTo(environment, name)),
    ],
    ['by one request', (environment: Environment, names: string[]) => [sendTo(environment, ...names)]],
  ])('cost no more where several messages come at once, %s', async (_, sendAll) => {
    const { store, count } = counted();
    const environment = selfHosted(store);
    const waiting = Array.from({ length: 100 }, () => pull(environment));
    await atRest(environment);
    count.appends = 0;
    const names = Array.from({ length: 10 }, (_unused, i) => `m${i}`);
    const sent = sendAll(environment, names);
    await Promise.all(sent);
    const served = await Promise.all(waiting.slice(0, names.length));
    await atRest(environment);
    expect(served.flatMap(bodies).sort()).toEqual(names.sort());
    expect(count.appends - sent.length).toBeLessThanOrEqual(names.length);
    environment.broker.lines.end();
    expect((await Promise.all(waiting)).flatMap(bodies)).toHaveLength(names.length);
  });

  it('are served in the order in which they came', async () => {
    const environment = selfHosted(new MemoryStore());
    const waiting = Array.from({ length: 20 }, () => pull(environment));
    for (let i = 0; i < 20; i++) await sendTo(environment, `m${i}`);
    expect((await Promise.all(waiting)).map(bodies)).toEqual(Array.from({ length: 20 }, (_, i) => [`m${i}`]));
  });

  it('are served in that order, though more comes before one who was called is told that there is nothing for him', async () => {
    const committing = Promise.withResolvers<void>();
    const mayCommit = Promise.withResolvers<void>();
    let isHeld = false;
    const store = storeWith((inner) => ({
      async commit(shard, commit) {
        committing.resolve();
        if (isHeld) await mayCommit.promise;
        return await inner.commit(shard, commit);
      },
    }));
    let now = systemClock.now();
    const environment = selfHosted(store, { clock: { ...systemClock, now: () => now, date: () => now } });
    const gone = { ...textMessage('gone'), headers: { expires: String(now + 40) } };
    await send(environment.broker, { kind: 'queue', name: 'q' }, [textMessage('first'), gone]);
    await atRest(environment);
    now += 50;
    isHeld = true;
    const waiting = Array.from({ length: 3 }, () => pull(environment));
    await committing.promise;
    await sendTo(environment, 'second');
    for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
    mayCommit.resolve();
    await sendTo(environment, 'third');
    expect((await Promise.all(waiting)).map(bodies)).toEqual([['first'], ['second'], ['third']]);
  });

  it('are put in together where there is something for each', async () => {
    const { store, count } = counted();
    const environment = selfHosted(store);
    const waiting = Array.from({ length: 16 }, () => pull(environment));
    await atRest(environment);
    count.appends = 0;
    await sendTo(environment, ...Array.from({ length: 16 }, (_, i) => `m${i}`));
    expect((await Promise.all(waiting)).map(bodies)).toEqual(Array.from({ length: 16 }, (_, i) => [`m${i}`]));
    expect(count.appends).toBe(2);
  });

  it('share what is there, if they asked for more, and those behind wait for what comes', async () => {
    const environment = selfHosted(new MemoryStore());
    const [first, second, third] = [pull(environment, 3), pull(environment, 5), pull(environment, 1)];
    await sendTo(environment, 'a', 'b', 'c', 'd');
    const shares = [bodies(await first), bodies(await second)];
    expect(shares.flat()).toEqual(['a', 'b', 'c', 'd']);
    expect(shares).not.toContainEqual([]);
    await sendTo(environment, 'e');
    expect(bodies(await third)).toEqual(['e']);
  });

  it('each wait for as long as they asked, whoever else waits', async () => {
    const environment = selfHosted(new MemoryStore());
    const long = pull(environment);
    const begun = performance.now();
    expect(await pull(environment, 1, 30)).toEqual([]);
    expect(await pull(environment, 1, 0)).toEqual([]);
    expect(performance.now() - begun).toBeLessThan(LONG.waitMs / 2);
    await sendTo(environment, 'x');
    expect(bodies(await long)).toEqual(['x']);
  });

  it('do not keep one that does not wait from what is there', async () => {
    const environment = selfHosted(new MemoryStore());
    const waiting = Array.from({ length: 5 }, () => pull(environment));
    await sendTo(environment, 'a', 'b', 'c', 'd', 'e', 'f');
    expect(bodies(await pull(environment, 1, 0))).toEqual(['f']);
    expect((await Promise.all(waiting)).flatMap(bodies)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('end with nothing when the broker is told to stop', async () => {
    const environment = selfHosted(new MemoryStore());
    const waiting = Array.from({ length: 5 }, () => pull(environment));
    await atRest(environment);
    environment.broker.lines.end();
    expect(await Promise.all(waiting)).toEqual([[], [], [], [], []]);
    expect(await pull(environment)).toEqual([]);
    await sendTo(environment, 'x');
    expect(bodies(await pull(environment))).toEqual(['x']);
  });

  it('all fail when the store does, and later ones do not', async () => {
    let isBroken = false;
    const store = storeWith((inner) => ({
      async readHead(shard) {
        if (isBroken) throw new Error('The disk is gone.');
        return inner.readHead(shard);
      },
    }));
    const environment = selfHosted(store);
    const waiting = Promise.allSettled(Array.from({ length: 5 }, () => pull(environment)));
    await atRest(environment);
    isBroken = true;
    await sendTo(environment, 'x').catch(() => {});
    expect((await waiting).map(({ status }) => status)).toEqual(Array(5).fill('rejected'));
    isBroken = false;
    await sendTo(environment, 'y');
    expect(await pull(environment)).toHaveLength(1);
  });
});

describe('no message is left while a pull waits for it', () => {
  it.each([1, 2, 3])('of two processes that send and pull at once (%i)', { timeout: NEVER_ENDS }, async (max) => {
    const store = new MemoryStore();
    const both = [selfHosted(store), selfHosted(store)] as const;
    const wanted = new Set(Array.from({ length: 300 }, (_, i) => `m${i}`));
    const names = [...wanted];
    const got: string[] = [];
    const consume = async (environment: Environment) => {
      while (got.length < 300) got.push(...bodies(await pull(environment, max, 500)));
    };
    const produce = async () => {
      for (let at = 0; at < names.length; at += 1 + (at % 7)) {
        await sendTo(both[at % 2 === 0 ? 0 : 1], ...names.slice(at, at + 1 + (at % 7)));
        if (at % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await Promise.all([produce(), ...Array.from({ length: 24 }, (_, i) => consume(both[i % 2 === 0 ? 0 : 1]))]);
    expect(got.sort()).toEqual(names.sort());
  });

  it('though one that was called finds that its message has expired', async () => {
    const environment = selfHosted(new MemoryStore());
    const { broker } = environment;
    const waiting = [pull(environment), pull(environment)];
    await atRest(environment);
    const message = textMessage('late');
    const expires = String(broker.clock.now() - 1);
    await send(broker, { kind: 'queue', name: 'q' }, [{ ...message, headers: { expires } }, message]);
    expect(bodies(await (waiting[0] as Promise<readonly Delivery[]>))).toEqual(['late']);
    await sendTo(environment, 'next');
    expect(bodies(await (waiting[1] as Promise<readonly Delivery[]>))).toEqual(['next']);
  });

  it('though another process asked for it, and died', async () => {
    const store = new MemoryStore();
    const limits = { ...localLimits, leaseMs: 20, skewMs: 10 };
    const dead = selfHosted(store, { limits });
    // It takes no turn for what it puts in.
    const ask = { kind: 'receive', max: 1, deadline: dead.broker.clock.now() + 50 } as const;
    await sendTo({ ...dead, broker: { ...dead.broker, defer: () => {} } }, 'x');
    await append(dead.broker, '/queue/q', [{ id: 'of-the-dead', request: ask }], { ring: true });
    expect(bodies(await pull(selfHosted(store, { limits })))).toEqual(['x']);
  });

  it('though turns go on for others, once one has got nothing', async () => {
    const environment = selfHosted(new MemoryStore());
    const waiting = Array.from({ length: 8 }, () => pull(environment, 2));
    const sending = (async () => {
      for (let i = 0; i < 16; i++) await sendTo(environment, `m${i}`);
    })();
    const first = await Promise.all(waiting);
    await sending;
    const rest = await Promise.all(first.flatMap((got) => (got.length < 2 ? [pull(environment, 2, 0)] : [])));
    expect([...first, ...rest].flatMap(bodies).sort()).toEqual(Array.from({ length: 16 }, (_, i) => `m${i}`).sort());
  });
});
