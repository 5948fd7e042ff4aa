import middy from '@middy/core';
import type { Broker } from '../broker/parts.ts';
import { look, succeed, wake } from '../broker/sweep.ts';
import type { DispatchEvent } from './events.ts';
import { endAfterwards, observed } from './middleware.ts';
import type { Bench } from './parts.ts';

/** Nobody waits for a reply here: a busy shard stays for some turns, each of 5 s at most, before it is handed on. */
const TURNS_PER_DISPATCH = 16;

/** A shard that was handed over this often in a row is let go: whoever rings next, or the sweep, goes on with it. */
const HOPS_MAX = 256;

/** Goes on with a shard that was handed over, or gives one a turn at its time. */
export function dispatchHandler(bench: Bench) {
  return middy<DispatchEvent, void>()
    .use(observed(bench))
    .use(endAfterwards(bench))
    .handler(async ({ shard, nonce, at, hops = 0 }) => {
      const broker = brokerAfter(bench, hops);
      if (nonce !== undefined) return await succeed(broker, shard, nonce);
      if (at === undefined) return await wake(broker, shard);
      await broker.clock.sleep(Math.max(0, at - broker.clock.now()));
      await look(broker, shard);
    });
}

function brokerAfter({ broker, parts }: Bench, hops: number): Broker {
  if (!parts.endsWithReply) return broker;
  const dispatch = (shard: string, nonce: string) => parts.dispatch(shard, nonce, hops + 1);
  return { ...broker, turnsPerRequest: TURNS_PER_DISPATCH, dispatch: hops < HOPS_MAX ? dispatch : undefined };
}
