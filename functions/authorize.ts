import type {
  APIGatewayAuthorizerResult,
  APIGatewayRequestAuthorizerEvent,
  APIGatewayRequestAuthorizerEventV2,
  APIGatewaySimpleAuthorizerResult,
  Statement,
} from 'aws-lambda';

type Asked = APIGatewayRequestAuthorizerEvent | APIGatewayRequestAuthorizerEventV2;

/** Admits whoever comes where no issuer of tokens is named; nobody where one is, since no token is checked here. */
export async function handler(event: Asked): Promise<APIGatewayAuthorizerResult | APIGatewaySimpleAuthorizerResult> {
  const isAdmitted = !process.env.JWT_ISSUER;
  if ('version' in event) return { isAuthorized: isAdmitted };
  const statement: Statement = {
    Action: 'execute-api:Invoke',
    Effect: isAdmitted ? 'Allow' : 'Deny',
    Resource: event.methodArn,
  };
  return { principalId: 'anyone', policyDocument: { Version: '2012-10-17', Statement: [statement] } };
}
