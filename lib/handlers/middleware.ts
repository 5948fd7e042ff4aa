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

/** The ids of an event, of whichever kind. */
type Identified = {
  readonly requestContext?: { readonly connectionId?: string; readonly requestId?: string };
};

/** Tells whoever watches of the invocation. Used first, so that it begins before and ends after all others. */
export function observed({ parts: { invocations } }: Bench): MiddlewareObj {
  const end = () => invocations?.end();
  return {
    before({ event, context }) {
      const { connectionId: connection, requestId: gatewayRequestId } =
        (event as Identified | undefined)?.requestContext ?? {};
      invocations?.begin({ requestId: context.awsRequestId, gatewayRequestId, connection });
    },
    after: end,
    onError: end,
  };
}
