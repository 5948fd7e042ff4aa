import middy from '@middy/core';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { handle, type LambdaEvent } from 'hono/aws-lambda';
import type { Broker } from '../broker/broker.ts';
import { BrokerError } from '../model/errors.ts';
import { version } from '../model/version.ts';
import { type RestOptions, restApi } from '../rest/api.ts';
import { errorResponse } from '../rest/failures.ts';
import type { Environment } from './environment.ts';
import { whileRevoking } from './eviction.ts';
import { endAfterwards, observed } from './middleware.ts';

/** Which browsers' pages may come, and by which names. */
export type Doors = Pick<RestOptions, 'allowedOrigins' | 'loopbackOnly'>;

/** Takes a request of the HTTP API. */
export function restHandler(environment: Environment, doors: Doors) {
  const { access, given } = environment;
  const broker: Broker = { ...environment.broker, isReplyLast: given.endsWithReply };
  const gate = access && {
    access,
    revoking: <T>(user: string, work: () => Promise<T>) => whileRevoking(environment, user, work),
  };
  const app = handle(restApi({ broker, version, gate, ...doors }));
  return middy<APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2>()
    .use(observed(environment))
    .use(endAfterwards(environment))
    .handler(async (event, context) => {
      const refusal = refusalOf(event);
      if (refusal) return resultOf(refusal);
      return (await app(readable(event), context)) as APIGatewayProxyStructuredResultV2;
    });
}

/** What `Request` cannot be made from would be answered by no one in the shape of our errors. */
function refusalOf({ rawPath, requestContext }: APIGatewayProxyEventV2): BrokerError | undefined {
  const { domainName, http } = requestContext;
  const { method } = http;
  if (!isHost(domainName)) {
    const message = `The Host header "${domainName.slice(0, 64)}" is not valid: it is a name or an address, and perhaps a port.`;
    return new BrokerError('INVALID_REQUEST', message);
  }
  if (['CONNECT', 'TRACE', 'TRACK'].includes(method))
    return new BrokerError('NOT_SUPPORTED', `${method} is not for here.`);
  const url = rawPath.startsWith('/') ? URL.parse(`https://localhost${rawPath}`) : null;
  if (url && octetsOf(url.pathname) === octetsOf(rawPath)) return undefined;
  if (url) {
    const message = `The path ${rawPath.slice(0, 64)} is not valid: it holds a segment "." or "..", a backslash or a "#".`;
    return new BrokerError('INVALID_DESTINATION', message);
  }
  return new BrokerError('NOT_FOUND', `There is nothing at ${rawPath.slice(0, 64)}; see /openapi.json.`);
}

/** Whether it is a name or an address alone, perhaps with a port: no user before it, and nothing after it. */
function isHost(text: string): boolean {
  const url = URL.parse(`https://${text}`);
  return url !== null && !/[@/?#\\]/.test(text);
}

/**
 * What a path says, however it is encoded. Where `Request` reads another one, as it does `/queues/b` of
 * `/queues/a/%2e%2e/b`, what is asked for is not what would be done. @see WHATWG URL, "path state"
 */
function octetsOf(path: string): string {
  const octets = Buffer.from(path).toString('latin1');
  return octets.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function resultOf(error: BrokerError): APIGatewayProxyStructuredResultV2 {
  const { status, json } = errorResponse(error);
  return { statusCode: status, headers: { 'content-type': 'application/json' }, body: `${JSON.stringify(json)}\n` };
}

/** A GET has no body that means anything, and `Request` takes none. @see RFC 9110 §9.3.1 */
function readable(event: APIGatewayProxyEventV2): LambdaEvent {
  const hasBody = !['GET', 'HEAD'].includes(event.requestContext.http.method);
  return (hasBody ? event : { ...event, body: undefined }) as unknown as LambdaEvent;
}
