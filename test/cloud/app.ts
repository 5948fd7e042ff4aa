import { App, Fn, RemovalPolicy } from 'aws-cdk-lib';
import { CfnUrl } from 'aws-cdk-lib/aws-lambda';
import { CirrusMqStack, type CirrusMqStackProps } from '../../infra/stack.ts';
import { TokenIssuer } from '../token-issuer.ts';
import type { StackName } from './deploy.ts';
import { groups, limits, openProps } from './props.ts';

/**
 * The brokers as the cloud tests deploy them. The management API of an emulator is not where that of an account is; all
 * else is as in `infra/app.ts`.
 */
const app = new App();
const { EMULATOR_ENDPOINT = '', PREFETCH = '20', REGROUPED, FIRST, CIRRUSMQ_ISSUER_URL = '' } = process.env;

function add(name: StackName, props: CirrusMqStackProps): void {
  const { broker } = new CirrusMqStack(app, name, { removalPolicy: RemovalPolicy.DESTROY, ...props });
  const { webSocketApi, webSocketStage } = broker.gateways;
  const stage = [EMULATOR_ENDPOINT, '_aws/execute-api', webSocketApi.apiId, webSocketStage.stageName];
  for (const { function: one } of Object.values(broker.functions)) {
    one.addEnvironment('CONNECTIONS_ENDPOINT', Fn.join('/', stage));
  }
}

add('CirrusMQ', {
  ...openProps,
  destinationGroups: [...groups, ...(REGROUPED ? [{ name: 'moved', destinations: ['/queue/updated'] }] : [])],
  limits: { ...limits, prefetchDefault: Number(PREFETCH) },
});
add('CirrusMQClosed', { jwt: { issuer: CIRRUSMQ_ISSUER_URL, audience: TokenIssuer.audience }, limits });
if (FIRST) addFirst();

/** A broker that was never deployed before, and with `FIRST=fails` cannot be. */
function addFirst(): void {
  const stack = new CirrusMqStack(app, 'CirrusMQFirst' satisfies StackName);
  if (FIRST !== 'fails') return;
  const targetFunctionArn = `arn:aws:lambda:${stack.region}:${stack.account}:function:there-is-none`;
  const nobody = new CfnUrl(stack, 'Nobody', { authType: 'AWS_IAM', targetFunctionArn });
  nobody.node.addDependency(stack.broker);
}
