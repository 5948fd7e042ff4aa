import middy from '@middy/core';
import { closeConnection } from '../broker/sessions/connections.ts';
import type { Environment } from './environment.ts';
import type { SocketEvent } from './events.ts';
import { endAfterwards, observed } from './middleware.ts';

/** Takes `$disconnect`: what the connection had in flight is ready again. It may never come: probes find out, too. */
export function disconnectHandler(environment: Environment) {
  return middy<SocketEvent, { statusCode: number }>()
    .use(observed(environment))
    .use(endAfterwards(environment))
    .handler(async (event) => {
      environment.broker.meter('disconnects', 1);
      environment.staging.forget(event.requestContext.connectionId);
      await closeConnection(environment.broker, event.requestContext.connectionId, 'lost');
      return { statusCode: 200 };
    });
}
