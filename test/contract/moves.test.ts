import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { moveShard } from '../../lib/broker/verbs/move.ts';
import { describeQueue } from '../../lib/broker/verbs/queues.ts';
import { receive } from '../../lib/broker/verbs/receive.ts';
import { send } from '../../lib/broker/verbs/send.ts';
import { acknowledge } from '../../lib/broker/verbs/settlement.ts';
import { sweep, takeHandover } from '../../lib/broker/verbs/sweep.ts';
import { systemClock } from '../../lib/handlers/environment.ts';
import { BrokerError } from '../../lib/model/errors.ts';
import type { DestinationGroup } from '../../lib/model/groups.ts';
import { cloudLimits } from '../../lib/model/limits.ts';
import { minuteOf } from '../../lib/shard/conclude/wake-up.ts';
import { createTables } from '../../lib/store/dynamodb/create-tables.ts';
import { openDynamoStore } from '../../lib/store/dynamodb/dynamodb-store.ts';
import type { GroupedStore, Store } from '../../lib/store/port.ts';
import { type DynamoEngine, dynamoAvailable, dynamoTitle, startDynamo } from '../dynamodb-local.ts';
import { environmentOn, textMessage } from '../unit/broker/environment.ts';
import { appending, blob, dueOf, FAR_SECONDS, fresh, lease } from './given.ts';

const groups: readonly DestinationGroup[] = [{ name: 'orders', destinations: ['/queue/orders.>'] }];
const shard = '/queue/orders.eu';
const eu = { kind: 'queue', name: 'orders.eu' } as const;
/** Few references make a page, so that a short backlog has pages of pages. */
const limits = { ...cloudLimits, referencesPerLevel: 4 };

describe.skipIf(!dynamoAvailable())(dynamoTitle('a queue that is moved'), () => {
  let engine: DynamoEngine;
  const opened: Store[] = [];
  beforeAll(async () => {
    engine = await startDynamo();
  });
  afterAll(async () => {
    for (const store of opened) await store.close();
    await engine.stop();
  });

  /** A process; `before` is asked before each call to the store, by its name, and may throw. */
  async function started(
    tablePrefix: string,
    configured: readonly DestinationGroup[],
    before?: (call: string) => void | Promise<void>,
    aheadMs = 0,
  ) {
    const options = { tablePrefix, groups: configured, endpoint: engine.endpoint };
    await createTables(options);
    const inner = openDynamoStore(options);
    opened.push(inner);
    const store = before ? interrupted(inner, before) : inner;
    // As in the cloud: a request takes one turn, and another invocation goes on.
    const { broker, afterwards } = environmentOn(store, {
      limits,
      clock: { ...systemClock, now: () => Date.now() + aheadMs },
      dispatch: async (handed, nonce) => broker.defer(() => takeHandover(broker, handed, nonce)),
    });
    return {
      store,
      broker,
      afterwards,
      send: async (...texts: readonly string[]) => {
        for (const text of texts) await send(broker, eu, [textMessage(text)]);
        await afterwards.idle();
      },
      take: async (max = 100, visibilityMs = 30_000) => {
        const got = await receive(broker, eu.name, { max, waitMs: 0, visibilityMs });
        await afterwards.idle();
        return got;
      },
      /** Goes on until it is done. */
      move: async (to?: string) => {
        while (!(await moveShard(broker, shard, to)).isDone);
        await afterwards.idle();
      },
    };
  }

  const numbers = Array.from({ length: 40 }, (_, i) => `${i}`);

  /** A queue with a backlog of pages, of which some messages are in flight, in a group that it does not belong to. */
  async function backlog(messages = numbers, visibilityMs?: number) {
    const prefix = fresh('moves');
    const old = await started(prefix, []);
    await old.send(...messages);
    const taken = await old.take(3, visibilityMs);
    return { prefix, old, taken };
  }

  it('keeps its messages, those in flight, and their order, and goes on there', async () => {
    const { prefix, old, taken } = await backlog();
    const present = await started(prefix, groups);
    await present.move();
    expect(await present.store.groups?.homeOf(shard)).toEqual({ group: 'orders', configured: 'orders' });
    expect(await describeQueue(old.broker, eu.name)).toMatchObject({ depth: 37, inFlight: 3 });
    await old.send('by one who remembers the old place');
    await acknowledge(
      old.broker,
      taken.map(({ token }) => token),
    );
    const rest = await present.take();
    expect(rest.map(({ message }) => `${message.body}`)).toEqual([
      ...numbers.slice(3),
      'by one who remembers the old place',
    ]);
    expect(rest.every(({ redelivered }) => !redelivered)).toBe(true);
    await acknowledge(
      present.broker,
      rest.map(({ token }) => token),
    );
    expect(await describeQueue(old.broker, eu.name)).toMatchObject({ depth: 0, inFlight: 0 });
  });

  it('leaves nothing in the index of its old group', async () => {
    const { prefix } = await backlog();
    const present = await started(prefix, groups);
    await present.move();
    const groupsOf = async () =>
      new Set((await dueOf(present.store, shard, minuteOf(Date.now()) + 2)).map((due) => due.group));
    expect(await groupsOf()).toEqual(new Set(['orders', 'default']));
    const late = environmentOn(present.store, {
      limits,
      clock: { now: () => Date.now() + 200_000, date: Date.now, sleep: async () => {} },
    });
    await sweep(late.broker);
    await late.afterwards.idle();
    expect(await groupsOf()).toEqual(new Set());
  });

  it('may come back, and go again', async () => {
    const { prefix } = await backlog();
    const present = await started(prefix, groups);
    for (const to of ['orders', 'default', 'orders']) {
      await present.move(to);
      expect(await present.store.groups?.homeOf(shard)).toMatchObject({ group: to });
    }
    expect(await present.take()).toHaveLength(37);
  });

  it('is moved once, by two at once', async () => {
    const { prefix, old } = await backlog();
    const movers = await Promise.all([started(prefix, groups), started(prefix, groups)]);
    await Promise.all([...movers.map((mover) => mover.move()), old.send('meanwhile')]);
    const got = await movers[0].take();
    expect(got.map(({ message }) => `${message.body}`)).toEqual([...numbers.slice(3), 'meanwhile']);
    expect(got.every(({ redelivered }) => !redelivered)).toBe(true);
  });

  it('is given back at once by one who becomes its master where it was to go', async () => {
    const { prefix } = await backlog();
    const other = await started(prefix, groups);
    const calls: string[] = [];
    let isOvertaken = false;
    const late = await started(prefix, groups, async (call) => {
      calls.push(call);
      // It has copied, and goes on to become the master.
      if (isOvertaken || call !== 'append' || !calls.includes('copyBlobs')) return;
      isOvertaken = true;
      await other.move();
      // A page that only its new table has.
      await other.send(...numbers);
    });
    expect(await moveShard(late.broker, shard, undefined)).toEqual({ group: 'orders', isDone: true });
    expect([isOvertaken, calls.filter((call) => call === 'close').length]).toEqual([true, 1]);
    await Promise.all([late.afterwards.idle(), other.afterwards.idle()]);
    expect(await other.take()).toHaveLength(77);
  });

  it('loses nothing, and repeats nothing, whichever call to the store is the mover’s last', async () => {
    let calls = Number.POSITIVE_INFINITY;
    let isDone = false;
    for (let last = 1; !isDone; last++) {
      const { prefix } = await backlog(numbers.slice(0, 12));
      let left = last;
      const mover = await started(prefix, groups, () => {
        if (left-- <= 0) throw new BrokerError('INTERNAL', 'The process is gone.');
      });
      isDone = await mover.move().then(
        () => left >= 0,
        () => false,
      );
      // By its clock, the lease that a dead mover left behind has run out.
      const other = await started(prefix, groups, undefined, 10_000);
      await other.send('after');
      await other.move();
      expect(await other.store.groups?.homeOf(shard)).toMatchObject({ group: 'orders' });
      const got = await other.take();
      expect([last, got.map(({ message }) => `${message.body}`)]).toEqual([last, [...numbers.slice(3, 12), 'after']]);
      calls = last;
    }
    expect(calls).toBeGreaterThan(10);
  }, 240_000);

  it('takes no entry while it is closed under a lease, and takes them again under the next', async () => {
    const { store } = await started(fresh('moves'), groups);
    await store.append(shard, appending(['a'], { ring: lease('mover') }));
    expect(await store.groups?.close(shard, 'another')).toBe(undefined);
    expect((await store.groups?.close(shard, 'mover'))?.inbox).toHaveLength(1);
    expect(await store.append(shard, appending(['b'], { ring: lease('n') }))).toMatchObject({ kind: 'full' });
    expect((await store.steal(shard, { seen: 'mover', lease: lease('thief') })).kind).toBe('stolen');
    expect(await store.append(shard, appending(['b']))).toMatchObject({ kind: 'appended' });
    await store.groups?.quiet(shard, Date.now() + 60_000);
    expect(await store.append(shard, appending(['c']))).toMatchObject({ kind: 'full' });
    await store.groups?.quiet(shard, Date.now() - 1);
    expect(await store.append(shard, appending(['c']))).toMatchObject({ kind: 'appended' });
  });

  it('takes along what waits in its inbox, under the lease of a master that died', async () => {
    const { prefix } = await backlog(numbers.slice(0, 5));
    let left = 1;
    const dying = await started(prefix, [], () => {
      if (left-- <= 0) throw new BrokerError('INTERNAL', 'The process is gone.');
    });
    await send(dying.broker, eu, [textMessage('in the inbox')]);
    await dying.afterwards.idle();
    const mover = await started(prefix, groups, undefined, 10_000);
    const head = await mover.store.readHead(shard);
    expect([head?.inbox.length, head?.lease !== undefined]).toEqual([1, true]);
    await mover.move();
    expect(await mover.store.groups?.homeOf(shard)).toMatchObject({ group: 'orders' });
    expect((await mover.take()).map(({ message }) => `${message.body}`)).toEqual(['3', '4', 'in the inbox']);
  });

  it('is moved while others send without a pause, and keeps the order of each of them', async () => {
    // Three are with somebody for longer than the moves take.
    const { prefix } = await backlog(numbers, 600_000);
    const [user, mover] = await Promise.all([started(prefix, []), started(prefix, groups)]);
    let isOver = false;
    const sent: string[] = [];
    const lanes = Array.from({ length: 8 }, async (_, lane) => {
      for (let i = 0; !isOver; i++) {
        await send(user.broker, eu, [textMessage(`${lane}.${i}`)]);
        sent.push(`${lane}.${i}`);
      }
    });
    for (const to of ['orders', 'default', 'orders']) {
      const begun = performance.now();
      while (!(await moveShard(mover.broker, shard, to)).isDone);
      const tookMs = Math.round(performance.now() - begun);
      process.stdout.write(`moved to ${to} in ${tookMs} ms, after ${sent.length} sends\n`);
    }
    isOver = true;
    await Promise.all(lanes);
    await Promise.all([user.afterwards.idle(), mover.afterwards.idle()]);
    const got: string[] = [];
    for (let some = await user.take(); some.length > 0; some = await user.take()) {
      expect(some.every(({ redelivered }) => !redelivered)).toBe(true);
      got.push(...some.map(({ message }) => `${message.body}`));
      await acknowledge(
        user.broker,
        some.map(({ token }) => token),
      );
    }
    expect(got.toSorted()).toEqual([...numbers.slice(3), ...sent].toSorted());
    for (let lane = 0; lane < 8; lane++) {
      const isMine = (text: string) => text.startsWith(`${lane}.`);
      expect(got.filter(isMine)).toEqual(sent.filter(isMine));
    }
  }, 120_000);

  it('takes nothing for a copy that only lies in the other table', async () => {
    const prefix = fresh('moves');
    const old = await started(prefix, []);
    await old.send('one');
    // One that knows nothing of the queue looks for it first where it is configured, and puts its page there.
    const present = await started(prefix, groups);
    await present.store.append(shard, appending([], { blobs: [blob('page')] }));
    const { groups: stored } = present.store;
    const uncopied = () => stored?.uncopied(shard, 'orders', ['page'], FAR_SECONDS - 1000);
    expect(await uncopied()).toEqual(['page']);
    expect(await stored?.copyBlobs(shard, 'orders', ['page'], FAR_SECONDS)).toEqual([]);
    expect(await uncopied()).toEqual([]);
    expect(await stored?.lacking(shard, 'orders', ['page'], FAR_SECONDS - 1000)).toEqual([]);
    // Nor one of an earlier move, once it was extended there: what it leads to may not have been.
    await present.move('orders');
    await present.store.keepBlobs(shard, ['page'], FAR_SECONDS + 1000);
    await present.move('default');
    expect(await uncopied()).toEqual(['page']);
  });

  it('is copied from where it lives, whatever was remembered', async () => {
    const prefix = fresh('moves');
    const old = await started(prefix, []);
    await old.send('one');
    const present = await started(prefix, groups);
    await present.move('orders');
    await present.store.append(shard, appending([], { blobs: [blob('later')] }));
    const { groups: stored } = old.store;
    expect(await stored?.copyBlobs(shard, 'default', ['later'], FAR_SECONDS)).toEqual([]);
    expect(await stored?.uncopied(shard, 'default', ['later'], FAR_SECONDS)).toEqual([]);
    expect(await stored?.copyBlobs(shard, 'orders', ['later'], FAR_SECONDS)).toBe(undefined);
  });

  it('is refused a group that is not there, and one that is not there itself', async () => {
    const { prefix } = await backlog();
    const present = await started(prefix, groups);
    await expect(moveShard(present.broker, shard, 'shop')).rejects.toThrow(
      'There is no destination group "shop"; there is default, orders.',
    );
    await expect(moveShard(present.broker, '/queue/orders.us', 'orders')).rejects.toThrow(
      'There is no /queue/orders.us.',
    );
  });
});

it('a broker that keeps everything in one place refuses to move', async () => {
  const { MemoryStore } = await import('../../lib/store/memory/memory-store.ts');
  const { broker } = environmentOn(new MemoryStore());
  await expect(moveShard(broker, shard, 'orders')).rejects.toThrow('Destination groups are DynamoDB tables');
});

/** A store of a process that may end before any call. */
function interrupted(store: Store, before: (call: string) => void | Promise<void>): Store {
  const wrap = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(inner, name) {
        const value: unknown = Reflect.get(inner, name);
        if (name === 'groups') return wrap(value as GroupedStore);
        if (typeof value !== 'function') return value;
        return async (...given: readonly unknown[]) => {
          await before(String(name));
          return await Reflect.apply(value, inner, given);
        };
      },
    });
  return wrap(store);
}
