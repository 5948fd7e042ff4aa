import middy from '@middy/core';
import { succeed, wake } from '../broker/sweep.ts';
import type { DispatchEvent } from './events.ts';
import { endAfterwards, observed } from './middleware.ts';
import type { Bench } from './parts.ts';

/** Goes on with a shard that was handed over, or gives one a turn at its time. */
export function dispatchHandler(bench: Bench) {
  return middy<DispatchEvent, void>()
    .use(observed(bench))
    .use(endAfterwards(bench))
    .handler(async ({ shard, nonce, at }) => {
      const { broker } = bench;
      if (at !== undefined) await broker.clock.sleep(Math.max(0, at - broker.clock.now()));
      await (nonce === undefined ? wake(broker, shard) : succeed(broker, shard, nonce));
    });
}
