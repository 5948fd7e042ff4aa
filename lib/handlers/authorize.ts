import type {
  APIGatewayAuthorizerResult,
  APIGatewayRequestAuthorizerEventV2,
  APIGatewaySimpleAuthorizerWithContextResult,
} from 'aws-lambda';
import type { Access } from '../access/access.ts';
import { readAuthorization, tokenOf } from '../access/credentials.ts';
import { writePrincipal } from '../access/principal.ts';
import type { Log } from '../broker/parts.ts';
import { asBrokerError } from '../model/errors.ts';
import { headerIn } from './events.ts';

/** What is used of the request that is to be let in or not. */
export type AuthorizeEvent = {
  readonly headers?: Readonly<Record<string, string | undefined>> | undefined | null;
  readonly queryStringParameters?: Readonly<Record<string, string | undefined>> | undefined | null;
};

/**
 * What the gateway hands on to the handlers, as `requestContext.authorizer`; empty if there were no credentials. The
 * REST function answers to `refused` ones.
 */
export type AuthorizerContext = { readonly principal?: string; readonly refused?: string };

type AuthorizeParts = { readonly access: Access | undefined; readonly log: Log };

type SocketRequest = AuthorizeEvent & { readonly methodArn: string; readonly version?: undefined };
type Answer = APIGatewayAuthorizerResult | APIGatewaySimpleAuthorizerWithContextResult<AuthorizerContext>;

/** What makes API Gateway answer 401. */
const UNAUTHORIZED = 'Unauthorized';

/**
 * Lets a request in, or refuses it: `$connect` of the WebSocket API, which gets a policy, and requests of the HTTP API
 * (payload 2.0, simple responses). One without credentials passes as nobody: a WebSocket shows them in its CONNECT, and
 * the REST function refuses it, as it does wrong ones: the gateway would do it without saying how to show others.
 */
export function authorizeHandler({ access, log }: AuthorizeParts) {
  return async (event: SocketRequest | APIGatewayRequestAuthorizerEventV2): Promise<Answer> => {
    const isHttp = event.version === '2.0';
    try {
      const context = access ? await identify(access, event, !isHttp) : {};
      return isHttp ? { isAuthorized: true, context } : policy((event as SocketRequest).methodArn, context);
    } catch (cause) {
      const error = asBrokerError(cause);
      if (error.code !== 'UNAUTHENTICATED') {
        log('authorizer failed', { code: error.code }, error);
        throw error;
      }
      if (isHttp) return { isAuthorized: true, context: { refused: error.code } };
      throw new Error(UNAUTHORIZED);
    }
  };
}

/**
 * Who asks: by the `Authorization` header or, since a page can set none on a WebSocket, by `?access_token=`.
 * @throws BrokerError UNAUTHENTICATED
 * @see RFC 6750 §2.3
 */
export async function identify(access: Access, event: AuthorizeEvent, takesQuery: boolean): Promise<AuthorizerContext> {
  const token = takesQuery ? event.queryStringParameters?.access_token : undefined;
  const header = readAuthorization(headerIn(event.headers ?? {}, 'authorization'));
  const credentials = header ?? (token === undefined ? undefined : tokenOf(token));
  return credentials ? { principal: writePrincipal(await access.authenticate(credentials)) } : {};
}

function policy(methodArn: string, context: AuthorizerContext): APIGatewayAuthorizerResult {
  const statement = { Action: 'execute-api:Invoke', Effect: 'Allow' as const, Resource: methodArn };
  return {
    principalId: context.principal ? 'authenticated' : 'anonymous',
    policyDocument: { Version: '2012-10-17', Statement: [statement] },
    context: { ...context },
  };
}
