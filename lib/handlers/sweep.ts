import middy from '@middy/core';
import { sweep } from '../broker/sweep.ts';
import { sweepSessions } from './eviction.ts';
import { endAfterwards } from './middleware.ts';
import type { Bench } from './parts.ts';

/** Finds, once a minute, what a crash or a lost wake-up left undone. */
export function sweepHandler(bench: Bench) {
  return middy<unknown, { shards: number }>()
    .use(endAfterwards(bench))
    .handler(async () => {
      const shards = await sweep(bench.broker);
      if (bench.access) await sweepSessions(bench);
      return { shards };
    });
}
