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
      // Side by side: a session that is over does not wait for shards, nor fails with them.
      const sessions = bench.access && sweepSessions(bench);
      const [swept, ended] = await Promise.allSettled([sweep(bench.broker), sessions]);
      if (ended.status === 'rejected') throw ended.reason;
      if (swept.status === 'rejected') throw swept.reason;
      return swept.value;
    });
}
