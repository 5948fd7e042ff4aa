import middy from '@middy/core';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { handle, type LambdaEvent } from 'hono/aws-lambda';
import { version } from '../model/version.ts';
import { type RestOptions, restApi } from '../rest/api.ts';
import { endAfterwards } from './middleware.ts';
import type { Bench } from './parts.ts';

/** Which browsers' pages may come, and by which names. */
export type Doors = Pick<RestOptions, 'allowedOrigins' | 'loopbackOnly'>;

/** Takes a request of the HTTP API. */
export function restHandler(bench: Bench, doors: Doors) {
  const app = handle(restApi({ broker: bench.broker, version, ...doors }));
  return middy<APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2>()
    .use(endAfterwards(bench))
    .handler(async (event) => (await app(readable(event))) as APIGatewayProxyStructuredResultV2);
}

/** A GET has no body that means anything, and `Request` takes none. @see RFC 9110 §9.3.1 */
function readable(event: APIGatewayProxyEventV2): LambdaEvent {
  const hasBody = !['GET', 'HEAD'].includes(event.requestContext.http.method);
  return (hasBody ? event : { ...event, body: undefined }) as unknown as LambdaEvent;
}
