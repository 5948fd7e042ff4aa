import middy from '@middy/core';
import type { Broker } from '../broker/broker.ts';
import { takeHandover, wake, wakeIfNeeded } from '../broker/verbs/sweep.ts';
import type { Environment } from './environment.ts';
import type { DispatchEvent } from './events.ts';
import { endAfterwards, observed } from './middleware.ts';

/** Nobody waits for a reply here: a busy shard stays for some turns, each of 5 s at most, before it is handed on. */
const TURNS_PER_DISPATCH = 16;

/** A shard that was handed over this often in a row is let go: whoever rings next, or the sweep, goes on with it. */
const HOPS_MAX = 256;

/** Goes on with a shard that was handed over, or gives one a turn at its time. */
export function dispatchHandler(environment: Environment) {
  return middy<DispatchEvent, void>()
    .use(observed(environment))
    .use(endAfterwards(environment))
    .handler(async ({ shard, nonce, at, hops = 0 }) => {
      const broker = brokerAfter(environment, hops);
      if (nonce !== undefined) return await takeHandover(broker, shard, nonce);
      if (at === undefined) return await wake(broker, shard);
      await broker.clock.sleep(Math.max(0, at - broker.clock.now()));
      await wakeIfNeeded(broker, shard);
    });
}

function brokerAfter({ broker, given }: Environment, hops: number): Broker {
  if (!given.endsWithReply) return broker;
  const dispatch = (shard: string, nonce: string) => given.dispatch(shard, nonce, hops + 1);
  return { ...broker, turnsPerRequest: TURNS_PER_DISPATCH, dispatch: hops < HOPS_MAX ? dispatch : undefined };
}
