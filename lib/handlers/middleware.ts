import type { MiddlewareObj } from '@middy/core';
import { asBrokerError } from '../model/errors.ts';
import type { Environment } from './environment.ts';

/** Awaits what an invocation deferred where it would freeze otherwise, and logs what failed. */
export function endAfterwards({ broker, afterwards, given }: Environment): MiddlewareObj {
  const end = async () => {
    if (given.endsWithReply) await afterwards.idle();
  };
  return {
    after: end,
    async onError({ error }) {
      const failure = asBrokerError(error);
      broker.log('invocation failed', { code: failure.code }, failure);
      given.onFailure?.(failure);
      await end();
    },
  };
}

/** The ids of an event, of whichever kind. */
type Identified = {
  readonly requestContext?: { readonly connectionId?: string; readonly requestId?: string };
};

/** Tells whoever watches of the invocation. Used first, so that it begins before and ends after all others. */
export function observed({ given: { invocations } }: Environment): MiddlewareObj {
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
