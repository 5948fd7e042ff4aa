import type { MiddlewareObj } from '@middy/core';
import { asBrokerError } from '../model/errors.ts';
import type { Bench } from './parts.ts';

/** Awaits what an invocation deferred where it would freeze otherwise, and logs what failed. */
export function endAfterwards({ broker, afterwards, parts }: Bench): MiddlewareObj {
  const end = async () => {
    if (parts.endsWithReply) await afterwards.settled();
  };
  return {
    after: end,
    async onError({ error }) {
      const failure = asBrokerError(error);
      broker.log('invocation failed', { code: failure.code }, failure);
      parts.onFailure?.(failure);
      await end();
    },
  };
}
