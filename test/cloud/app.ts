import { App, Duration, Fn, RemovalPolicy } from 'aws-cdk-lib';
import { CirrusMqStack, type CirrusMqStackProps } from '../../infra/stack.ts';
import { TokenIssuer } from '../token-issuer.ts';
import type { StackName } from './deploy.ts';

/**
 * The brokers as the cloud tests deploy them. The management API of an emulator is not where that of an account is; all
 * else is as in `infra/app.ts`.
 */
const app = new App();
const { EMULATOR_ENDPOINT = '', PREFETCH = '20', CIRRUSMQ_ISSUER_URL = '' } = process.env;

function add(name: StackName, props: CirrusMqStackProps): void {
  const { broker } = new CirrusMqStack(app, name, { removalPolicy: RemovalPolicy.DESTROY, ...props });
  const { webSocketApi, webSocketStage } = broker.gateways;
  const stage = [EMULATOR_ENDPOINT, '_aws/execute-api', webSocketApi.apiId, webSocketStage.stageName];
  for (const { function: one } of Object.values(broker.functions)) {
    one.addEnvironment('CONNECTIONS_ENDPOINT', Fn.join('/', stage));
  }
}

// A consumer that is gone is found out by a probe: no test waits for a minute until the first.
const limits = { probeMs: 2000 };
add('CirrusMQ', {
  access: 'open',
  destinationGroups: [{ name: 'orders', destinations: ['/queue/orders.>'] }],
  messageRetention: Duration.days(4),
  allowedOrigins: ['https://app.example'],
  limits: { ...limits, prefetchDefault: Number(PREFETCH) },
});
add('CirrusMQClosed', { jwt: { issuer: CIRRUSMQ_ISSUER_URL, audience: TokenIssuer.audience }, limits });
