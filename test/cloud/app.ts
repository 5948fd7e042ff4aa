import { App, Duration, Fn, RemovalPolicy } from 'aws-cdk-lib';
import { CirrusMqStack } from '../../infra/stack.ts';

/**
 * The broker as the cloud tests deploy it. The management API of an emulator is not where that of an account is; all
 * else is as in `infra/app.ts`.
 */
const app = new App();
const { EMULATOR_ENDPOINT = '', PREFETCH = '20' } = process.env;
const { broker } = new CirrusMqStack(app, 'CirrusMQ', {
  access: 'open',
  removalPolicy: RemovalPolicy.DESTROY,
  destinationGroups: [{ name: 'orders', destinations: ['/queue/orders.>'] }],
  messageRetention: Duration.days(4),
  allowedOrigins: ['https://app.example'],
  // A consumer that is gone is found out by a probe: no test waits for a minute until the first.
  limits: { probeMs: 2000, prefetchDefault: Number(PREFETCH) },
});
const { webSocketApi, webSocketStage } = broker.gateways;
const stage = [EMULATOR_ENDPOINT, '_aws/execute-api', webSocketApi.apiId, webSocketStage.stageName];
for (const { function: one } of Object.values(broker.functions)) {
  one.addEnvironment('CONNECTIONS_ENDPOINT', Fn.join('/', stage));
}
