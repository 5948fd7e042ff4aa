import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import type { Environment } from '../../../lib/handlers/environment.ts';
import { restHandler } from '../../../lib/handlers/rest.ts';

/** What Lambda hands on of a function's result, at most: 6 MB. */
const RESULT_BYTES = 6 * 1024 * 1024;

// biome-ignore lint/suspicious/noExplicitAny: what a reply holds is what the tests are about
type Json = any;

type Call = (method: string, path: string, json?: unknown) => Promise<Json>;

/**
 * The REST function in this environment: asked as API Gateway asks it, and refused what Lambda would not hand on.
 * @param most how many octets of a result that is
 */
export function restCalls(environment: Environment, most = RESULT_BYTES): Call {
  const handler = restHandler(environment, {});
  return async (method, path, json) => {
    const [rawPath, rawQueryString = ''] = path.split('?');
    const http = { method, path: rawPath, protocol: 'HTTP/1.1', sourceIp: '', userAgent: '' };
    const event = {
      version: '2.0',
      routeKey: '$default',
      ...{ rawPath, rawQueryString },
      headers: { 'content-type': 'application/json' },
      requestContext: { domainName: 'localhost', http },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
      isBase64Encoded: false,
    } as unknown as APIGatewayProxyEventV2;
    const result = (await handler(event, {} as Context)) as APIGatewayProxyStructuredResultV2;
    const bytes = Buffer.byteLength(JSON.stringify(result));
    if (bytes > most) throw new Error(`The result has ${bytes} octets: Lambda would fail the invocation.`);
    return result.body ? JSON.parse(result.body) : undefined;
  };
}
