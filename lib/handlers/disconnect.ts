import middy from '@middy/core';
import { closeConnection } from '../broker/connections.ts';
import type { SocketEvent } from './events.ts';
import { endAfterwards, observed } from './middleware.ts';
import type { Bench } from './parts.ts';

/** Takes `$disconnect`: what the connection had in flight is ready again. It may never come: probes find out, too. */
export function disconnectHandler(bench: Bench) {
  return middy<SocketEvent, { statusCode: number }>()
    .use(observed(bench))
    .use(endAfterwards(bench))
    .handler(async (event) => {
      bench.broker.meter('disconnects', 1);
      await closeConnection(bench.broker, event.requestContext.connectionId, 'lost');
      return { statusCode: 200 };
    });
}
