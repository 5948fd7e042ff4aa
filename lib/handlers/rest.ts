import middy from '@middy/core';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { handle, type LambdaEvent } from 'hono/aws-lambda';
import { BrokerError } from '../model/errors.ts';
import { version } from '../model/version.ts';
import { type RestOptions, restApi } from '../rest/api.ts';
import { errorResponse } from '../rest/failures.ts';
import { whileRevoking } from './eviction.ts';
import { endAfterwards, observed } from './middleware.ts';
import type { Bench } from './parts.ts';

/** Which browsers' pages may come, and by which names. */
export type Doors = Pick<RestOptions, 'allowedOrigins' | 'loopbackOnly'>;

/** Takes a request of the HTTP API. */
export function restHandler(bench: Bench, doors: Doors) {
  const { access, broker } = bench;
  const gate = access && {
    access,
    revoking: <T>(user: string, work: () => Promise<T>) => whileRevoking(bench, user, work),
  };
  const app = handle(restApi({ broker, version, gate, ...doors }));
  return middy<APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2>()
    .use(observed(bench))
    .use(endAfterwards(bench))
    .handler(async (event) => {
      const refusal = refusalOf(event);
      return refusal ? resultOf(refusal) : ((await app(readable(event))) as APIGatewayProxyStructuredResultV2);
    });
}

/** What `Request` cannot be made from would be answered by no one in the shape of our errors. */
function refusalOf({ rawPath, requestContext }: APIGatewayProxyEventV2): BrokerError | undefined {
  const { method } = requestContext.http;
  if (['CONNECT', 'TRACE', 'TRACK'].includes(method))
    return new BrokerError('NOT_SUPPORTED', `${method} is not for here.`);
  if (rawPath.startsWith('/') && URL.canParse(`https://localhost${rawPath}`)) return undefined;
  return new BrokerError('NOT_FOUND', `There is nothing at ${rawPath.slice(0, 64)}; see /openapi.json.`);
}

function resultOf(error: BrokerError): APIGatewayProxyStructuredResultV2 {
  const { status, json } = errorResponse(error);
  return { statusCode: status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(json) };
}

/** A GET has no body that means anything, and `Request` takes none. @see RFC 9110 §9.3.1 */
function readable(event: APIGatewayProxyEventV2): LambdaEvent {
  const hasBody = !['GET', 'HEAD'].includes(event.requestContext.http.method);
  return (hasBody ? event : { ...event, body: undefined }) as unknown as LambdaEvent;
}
