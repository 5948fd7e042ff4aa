import type { APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { RESULT_BYTES } from './rules.ts';

/** What Lambda hands on of a function's result: the API answers for one that is too large. */
export function handedOn(result: APIGatewayProxyStructuredResultV2): APIGatewayProxyStructuredResultV2 {
  if (Buffer.byteLength(JSON.stringify(result)) <= RESULT_BYTES) return result;
  const headers = { 'content-type': 'application/json' };
  return { statusCode: 500, headers, body: JSON.stringify({ message: 'Internal Server Error' }) };
}
