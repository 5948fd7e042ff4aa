import { RemovalPolicy } from 'aws-cdk-lib';
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import {
  HttpApi,
  HttpRoute,
  HttpRouteKey,
  HttpStage,
  LogGroupLogDestination,
  WebSocketApi,
  WebSocketStage,
} from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration, WebSocketLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { accept } from './accepted.ts';
import type { BrokerFunctions } from './functions.ts';
import type { CirrusBrokerProps } from './options.ts';

const THROTTLE = { rateLimit: 1000, burstLimit: 2000 };

/** A line a request: without its query and its headers, which may hold what is secret. @see API Gateway: HTTP API logs */
const accessLogFormat = AccessLogFormat.custom(
  JSON.stringify({
    time: '$context.requestTime',
    requestId: '$context.requestId',
    ip: '$context.identity.sourceIp',
    method: '$context.httpMethod',
    path: '$context.path',
    routeKey: '$context.routeKey',
    status: '$context.status',
    responseLength: '$context.responseLength',
    responseLatency: '$context.responseLatency',
    integrationErrorMessage: '$context.integrationErrorMessage',
  }),
);

/** The doors: a WebSocket API for STOMP and an HTTP API for REST. Who comes in is for the functions behind them to say. */
export class Gateways extends Construct {
  readonly webSocketApi: WebSocketApi;
  readonly webSocketStage: WebSocketStage;
  readonly httpApi: HttpApi;
  readonly httpStage: HttpStage;

  /** @param name of the broker: two in one account are told apart by it */
  constructor(scope: Construct, id: string, name: string, props: CirrusBrokerProps) {
    super(scope, id);
    const throttle = props.throttle ?? THROTTLE;
    this.webSocketApi = new WebSocketApi(this, 'WebSocket', {
      apiName: `${name}-stomp`,
      description: 'STOMP over WebSocket',
    });
    this.webSocketStage = new WebSocketStage(this, 'WebSocketStage', {
      webSocketApi: this.webSocketApi,
      stageName: 'live',
      autoDeploy: true,
      throttle,
    });
    this.httpApi = new HttpApi(this, 'Http', {
      apiName: `${name}-rest`,
      description: 'REST',
      createDefaultStage: false,
    });
    const accessLog = new LogGroup(this, 'HttpLogs', {
      retention: props.logRetention ?? RetentionDays.ONE_MONTH,
      removalPolicy: props.removalPolicy ?? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    });
    this.httpStage = new HttpStage(this, 'HttpStage', {
      httpApi: this.httpApi,
      autoDeploy: true,
      throttle,
      accessLogSettings: { destination: new LogGroupLogDestination(accessLog), format: accessLogFormat },
    });
    accept(
      this.webSocketStage,
      'APIG1',
      'API Gateway writes access logs of WebSocket APIs only with a role that is set for the whole account, which is not for one stack to do; the functions log each connection and failure.',
    );
  }

  /** Leads what comes in to the functions. */
  route({ connect, frame, disconnect, rest }: BrokerFunctions): void {
    for (const [key, name, { function: handler }, reason] of [
      [
        '$connect',
        'Connect',
        connect,
        'The function of $connect asks for credentials itself, and answers 401 to wrong ones.',
      ],
      ['$default', 'Frame', frame, 'The connection was let in at $connect, and each frame is held against the rules.'],
      ['$disconnect', 'Disconnect', disconnect, 'Nobody can ask for it: API Gateway tells that a connection is gone.'],
    ] as const) {
      const route = this.webSocketApi.addRoute(key, { integration: new WebSocketLambdaIntegration(name, handler) });
      accept(route, 'APIG4', reason);
    }
    const integration = new HttpLambdaIntegration('Rest', rest.function);
    const route = new HttpRoute(this, 'Rest', { httpApi: this.httpApi, integration, routeKey: HttpRouteKey.DEFAULT });
    accept(
      route,
      'APIG4',
      'The REST function asks for the credentials of each request itself, and says how to show them: an authorizer before it would be a second start and a second bill, and turn a 503 into a 500.',
    );
  }
}
