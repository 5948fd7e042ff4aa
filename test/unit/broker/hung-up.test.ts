import { expect, it } from 'vitest';
import { receive } from '../../../lib/broker/verbs/receive.ts';
import { send } from '../../../lib/broker/verbs/send.ts';
import type { Environment } from '../../../lib/handlers/environment.ts';
import type { Caller } from '../../../lib/model/caller.ts';
import { localLimits } from '../../../lib/model/limits.ts';
import type { Store } from '../../../lib/store/port.ts';
import { environmentOn, storeWith, textMessage } from './environment.ts';

const LONG = { max: 1, waitMs: 20_000, visibilityMs: 60_000 };

/** A caller who hangs up when told. */
function callerWho(hears: boolean) {
  const gone = new AbortController();
  const caller: Caller = { gone: gone.signal, mayHaveHeard: () => hears };
  return { caller, hangUp: () => gone.abort() };
}

/** A store that tells of each append, before it is made, and counts them. */
function told(onAppend: (count: number) => void | Promise<void> = () => {}) {
  const count = { appends: 0 };
  const store = storeWith((inner) => ({
    async append(shard, append) {
      await onAppend(++count.appends);
      return await inner.append(shard, append);
    },
  }));
  return { store, count };
}

const selfHosted = (store: Store) => environmentOn(store, { limits: localLimits, endsWithReply: false });

async function sendTo({ broker, afterwards }: Environment, body: string): Promise<void> {
  await send(broker, { kind: 'queue', name: 'q' }, [textMessage(body)]);
  await afterwards.idle();
}

async function next({ broker, afterwards }: Environment): Promise<unknown> {
  await afterwards.idle();
  return (await receive(broker, 'q', { ...LONG, waitMs: 0 })).map(({ message, redelivered, deliveryCount }) => {
    return { body: Buffer.from(message.body).toString(), redelivered, deliveryCount };
  });
}

const untouched = [{ body: 'x', redelivered: false, deliveryCount: 1 }];

it('who is gone before the look takes nothing, and writes nothing', async () => {
  const { store, count } = told();
  const environment = selfHosted(store);
  await sendTo(environment, 'x');
  const { caller, hangUp } = callerWho(false);
  hangUp();
  count.appends = 0;
  expect(await receive(environment.broker, 'q', { ...LONG, caller })).toEqual([]);
  expect(count.appends).toBe(0);
  expect(await next(environment)).toEqual(untouched);
});

it('who goes while he waits is answered at once, and leaves his message to those behind', async () => {
  const { store, count } = told();
  const environment = selfHosted(store);
  const { caller, hangUp } = callerWho(false);
  const waiting = receive(environment.broker, 'q', { ...LONG, caller });
  const behind = receive(environment.broker, 'q', LONG);
  hangUp();
  expect(await waiting).toEqual([]);
  await sendTo(environment, 'x');
  expect(await behind).toMatchObject([{ redelivered: false, deliveryCount: 1 }]);
  expect(count.appends).toBe(2);
});

it('who goes while his request is written gives back what it gets', async () => {
  const { caller, hangUp } = callerWho(false);
  const { store } = told((count) => {
    if (count === 2) hangUp();
  });
  const environment = selfHosted(store);
  await sendTo(environment, 'x');
  await receive(environment.broker, 'q', { ...LONG, caller });
  expect(await next(environment)).toEqual(untouched);
});

it.each([
  [false, untouched],
  [true, [{ body: 'x', redelivered: true, deliveryCount: 2 }]],
])('who goes before the answer is out gives back what he got, uncounted (may have heard: %s)', async (hears, again) => {
  const environment = selfHosted(told().store);
  await sendTo(environment, 'x');
  const { caller, hangUp } = callerWho(hears);
  expect(await receive(environment.broker, 'q', { ...LONG, caller })).toHaveLength(1);
  hangUp();
  expect(await next(environment)).toEqual(again);
});

it('however often that is, the message is not given up', async () => {
  const environment = selfHosted(told().store);
  await sendTo(environment, 'x');
  for (let i = 0; i < 2 * localLimits.deliveries; i++) {
    const { caller, hangUp } = callerWho(true);
    expect(await receive(environment.broker, 'q', { ...LONG, waitMs: 0, caller })).toHaveLength(1);
    hangUp();
    await environment.afterwards.idle();
  }
  expect(await next(environment)).toEqual([{ body: 'x', redelivered: true, deliveryCount: 2 }]);
});

it('who goes while another process has its turn is answered at once, and leaves the message', async () => {
  const gate = Promise.withResolvers<void>();
  const appended = Promise.withResolvers<void>();
  const { store } = told((count) => {
    if (count === 2) appended.resolve();
  });
  const shut = new Proxy(store, {
    get(target, name: keyof Store) {
      if (name !== 'commit') return Reflect.get(target, name);
      return async (...args: Parameters<Store['commit']>) => {
        await gate.promise;
        return await target.commit(...args);
      };
    },
  });
  const [other, environment] = [selfHosted(shut), selfHosted(store)];
  await send(other.broker, { kind: 'queue', name: 'q' }, [textMessage('x')]);
  const { caller, hangUp } = callerWho(false);
  const waiting = receive(environment.broker, 'q', { ...LONG, caller });
  await appended.promise;
  await new Promise((resolve) => setImmediate(resolve));
  hangUp();
  expect(await waiting).toEqual([]);
  gate.resolve();
  await other.afterwards.idle();
  expect(await next(environment)).toEqual(untouched);
});
