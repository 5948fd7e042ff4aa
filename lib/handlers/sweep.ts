import middy from '@middy/core';
import { measureAges } from '../broker/verbs/ages.ts';
import { type Swept, sweep } from '../broker/verbs/sweep.ts';
import { asBrokerError } from '../model/errors.ts';
import { claimForDeployment } from './deployment-claim.ts';
import type { Environment } from './environment.ts';
import { sweepSessions } from './eviction.ts';
import { endAfterwards, observed } from './middleware.ts';

/** Finds, once a minute, what a crash or a lost wake-up left undone. */
export function sweepHandler(environment: Environment) {
  return middy<unknown, Swept>()
    .use(observed(environment))
    .use(endAfterwards(environment))
    .handler(async () => {
      // Side by side: a session that is over does not wait for shards, nor fails with them.
      const sessions = environment.access && sweepSessions(environment);
      // Where nobody measures, nothing is read for it.
      const ages = environment.given.meter && measureAges(environment.broker);
      const claiming = environment.given.isDeployment ? claimForDeployment(environment.broker.store) : undefined;
      const work = [sweep(environment.broker), sessions, ages, claiming] as const;
      const [swept, ended, measured, claimed] = await Promise.allSettled(work);
      if (measured.status === 'rejected') environment.broker.log('ages unknown', {}, asBrokerError(measured.reason));
      if (claimed.status === 'rejected') throw claimed.reason;
      if (ended.status === 'rejected') throw ended.reason;
      if (swept.status === 'rejected') throw swept.reason;
      return swept.value;
    });
}
