import middy from '@middy/core';
import { type Swept, sweep } from '../broker/sweep.ts';
import { sweepSessions } from './eviction.ts';
import { endAfterwards, observed } from './middleware.ts';
import type { Bench } from './parts.ts';

/** Finds, once a minute, what a crash or a lost wake-up left undone. */
export function sweepHandler(bench: Bench) {
  return middy<unknown, Swept>()
    .use(observed(bench))
    .use(endAfterwards(bench))
    .handler(async () => {
      const swept = await sweep(bench.broker);
      if (bench.access) await sweepSessions(bench);
      return swept;
    });
}
