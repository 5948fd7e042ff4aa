import type { Context } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import { send } from '../../../lib/broker/verbs/send.ts';
import { subscribe } from '../../../lib/broker/verbs/subscribe.ts';
import { dispatchHandler } from '../../../lib/handlers/dispatch.ts';
import type { Environment } from '../../../lib/handlers/environment.ts';
import type { DispatchEvent } from '../../../lib/handlers/events.ts';
import { cloudLimits } from '../../../lib/model/limits.ts';
import { MemoryStore } from '../../../lib/store/memory/memory-store.ts';
import { environmentOn, textMessage } from './environment.ts';

const shard = '/queue/q';

type Story = {
  readonly environment: Environment;
  /** What was handed over, in order. */
  readonly events: DispatchEvent[];
  readonly pushes: () => number;
  readonly dispatch: (event: DispatchEvent | undefined) => Promise<void>;
};

/** A consumer comes to this many messages, of which a turn pushes one: its invocation hands the shard over. */
async function handedOver(messages: number): Promise<Story> {
  const events: DispatchEvent[] = [];
  let pushes = 0;
  const post = async () => {
    pushes++;
    return 'sent' as const;
  };
  const environment = environmentOn(new MemoryStore(), {
    limits: { ...cloudLimits, turnMessages: 1 },
    dispatch: async (of, nonce, hops) => void events.push({ shard: of, nonce, hops }),
    push: { post, close: async () => {}, isOpen: async () => true },
  });
  const { broker, afterwards } = environment;
  const bodies = Array.from({ length: messages }, (_, i) => textMessage(String(i)));
  const destination = { kind: 'queue', name: 'q' } as const;
  await send(broker, destination, bodies);
  await afterwards.idle();
  const address = { connection: 'x', subscription: '2a1' };
  await subscribe(broker, { ...address, consumer: 'c', destination, ack: 'auto', prefetch: 256 });
  await afterwards.idle();
  const handler = dispatchHandler(environment);
  const dispatch = async (event: DispatchEvent | undefined) => {
    if (event) await handler(event, {} as Context);
  };
  return { environment, events, dispatch, pushes: () => pushes };
}

describe('dispatch', () => {
  it('goes on with a shard for some turns, and hands it over to the next', async () => {
    const { events, dispatch, pushes } = await handedOver(100);
    expect([pushes(), events]).toEqual([1, [{ shard, nonce: expect.any(String), hops: 0 }]]);
    await dispatch(events[0]);
    expect([pushes(), events[1]]).toEqual([17, { shard, nonce: expect.any(String), hops: 1 }]);
  });

  it('does nothing the second time that one handover comes', async () => {
    const { events, dispatch, pushes } = await handedOver(100);
    await dispatch(events[0]);
    await dispatch(events[0]);
    expect([pushes(), events.length]).toEqual([17, 2]);
  });

  it('lets a shard go that was handed over 256 times in a row, for the next that rings or the sweep', async () => {
    const { environment, events, dispatch, pushes } = await handedOver(100);
    await dispatch({ ...(events[0] as DispatchEvent), hops: 256 });
    expect(events).toHaveLength(1);
    const head = await environment.broker.store.readHead(shard);
    expect(head?.lease).toBeUndefined();
    expect(head?.due).toBeGreaterThan(0);
    await dispatch({ shard });
    expect(pushes()).toBe(33);
  });

  it('gives a shard a turn at its time if there is work to see, and writes nothing if there is none', async () => {
    const { environment, events, dispatch, pushes } = await handedOver(10);
    await dispatch(events[0]);
    const before = await environment.broker.store.readHead(shard);
    await dispatch({ shard, at: Date.now() });
    expect(await environment.broker.store.readHead(shard)).toEqual(before);
    expect(pushes()).toBe(10);
  });
});
