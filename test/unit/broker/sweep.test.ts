import { expect, it } from 'vitest';
import { send } from '../../../lib/broker/verbs/send.ts';
import { sweep } from '../../../lib/broker/verbs/sweep.ts';
import { environmentOn, storeWith, textMessage } from './environment.ts';

it('a shard that does not answer keeps the sweep from no other', async () => {
  const settled = Promise.withResolvers<string>();
  const never = new Promise<never>(() => {});
  let isStuck = false;
  const { broker, afterwards } = environmentOn(
    storeWith((inner) => ({
      readHead: (shard) => (isStuck && shard === '/queue/first' ? never : inner.readHead(shard)),
      async clearDue(due, rings) {
        settled.resolve(due.shard);
        return await inner.clearDue(due, rings);
      },
    })),
  );
  for (const queue of ['first', 'second']) await send(broker, { kind: 'queue', name: queue }, [textMessage('a')]);
  await afterwards.idle();
  isStuck = true;
  void sweep(broker);
  expect(await settled.promise).toBe('/queue/second');
});

it('an expired message behind one that stays costs a sweep nothing, once that was seen', async () => {
  const clock = { time: 1_700_000_000_000 };
  let writes = 0;
  const environment = environmentOn(
    storeWith((inner) => ({
      async append(shard, append) {
        writes++;
        return await inner.append(shard, append);
      },
      async commit(shard, commit) {
        writes++;
        return await inner.commit(shard, commit);
      },
    })),
    { clock: { now: () => clock.time, date: () => clock.time, sleep: async () => {} } },
  );
  const { broker, afterwards } = environment;
  const goes = { ...textMessage('goes'), headers: { expires: String(clock.time + 1000) } };
  await send(broker, { kind: 'queue', name: 'q' }, [textMessage('stays'), goes]);
  await afterwards.idle();
  const each: number[] = [];
  for (let minute = 0; minute < 4; minute++) {
    clock.time += 60_000;
    writes = 0;
    await sweep(broker);
    await afterwards.idle();
    each.push(writes);
  }
  expect(each).toEqual([2, 0, 0, 0]);
});

it('a wake-up for which a clock that is set back finds no work yet is left to the next sweep', async () => {
  const clock = { time: 1_700_000_000_000 };
  let backMs = 0;
  const kept: (readonly string[])[] = [];
  const store = storeWith((inner) => ({
    bodiesExpire: true,
    async due(minute, limit) {
      const dues = await inner.due(minute, limit);
      if (dues.some(({ kind }) => kind === 'wake')) clock.time -= backMs;
      return dues;
    },
    async keepBlobs(_shard, keys) {
      kept.push(keys);
    },
  }));
  const { broker, afterwards } = environmentOn(store, {
    clock: { now: () => clock.time, date: () => clock.time, sleep: async () => {} },
  });
  await send(broker, { kind: 'queue', name: 'q' }, [textMessage('a')]);
  await afterwards.idle();
  clock.time += broker.limits.retentionMs / 2 + 120_000;
  backMs = 300_000;
  await sweep(broker);
  await afterwards.idle();
  expect(kept).toEqual([]);
  clock.time += backMs;
  backMs = 0;
  await sweep(broker);
  await afterwards.idle();
  expect(kept).toHaveLength(1);
});
