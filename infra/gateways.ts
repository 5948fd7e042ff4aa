import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import {
  HttpApi,
  HttpMethod,
  HttpNoneAuthorizer,
  HttpRoute,
  HttpRouteKey,
  HttpStage,
  LogGroupLogDestination,
  WebSocketApi,
  WebSocketStage,
} from 'aws-cdk-lib/aws-apigatewayv2';
import {
  HttpLambdaAuthorizer,
  HttpLambdaResponseType,
  WebSocketLambdaAuthorizer,
} from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { HttpLambdaIntegration, WebSocketLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { accept } from './accepted.ts';
import type { BrokerFunctions } from './functions.ts';
import type { CirrusBrokerProps } from './options.ts';

const THROTTLE = { rateLimit: 1000, burstLimit: 2000 };

/** What is answered to anyone. */
const openRoutes = [
  ['/{proxy+}', HttpMethod.OPTIONS],
  ['/health', HttpMethod.GET],
  ['/openapi.json', HttpMethod.GET],
] as const;

/** The doors: a WebSocket API for STOMP and an HTTP API for REST. Both ask `authorize`. */
export class Gateways extends Construct {
  readonly webSocketApi: WebSocketApi;
  readonly webSocketStage: WebSocketStage;
  readonly httpApi: HttpApi;
  readonly httpStage: HttpStage;

  constructor(scope: Construct, id: string, props: CirrusBrokerProps) {
    super(scope, id);
    const throttle = props.throttle ?? THROTTLE;
    this.webSocketApi = new WebSocketApi(this, 'WebSocket', { description: 'STOMP over WebSocket' });
    this.webSocketStage = new WebSocketStage(this, 'WebSocketStage', {
      webSocketApi: this.webSocketApi,
      stageName: 'live',
      autoDeploy: true,
      throttle,
    });
    this.httpApi = new HttpApi(this, 'Http', { description: 'REST', createDefaultStage: false });
    const accessLog = new LogGroup(this, 'HttpLogs', {
      retention: props.logRetention ?? RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.httpStage = new HttpStage(this, 'HttpStage', {
      httpApi: this.httpApi,
      autoDeploy: true,
      throttle,
      accessLogSettings: { destination: new LogGroupLogDestination(accessLog) },
    });
    accept(
      this.webSocketStage,
      'APIG1',
      'API Gateway writes access logs of WebSocket APIs only with a role that is set for the whole account, which is not for one stack to do; the functions log each connection and failure.',
    );
  }

  /** Leads what comes in to the functions. */
  route({ authorize, connect, frame, disconnect, rest }: BrokerFunctions): void {
    // No identity source: the token may be in a header or, from browsers, which can set none, in the query.
    const socketAuthorizer = new WebSocketLambdaAuthorizer('Authorizer', authorize.function, { identitySource: [] });
    const toSocket = (name: string, { function: handler }: typeof frame) => ({
      integration: new WebSocketLambdaIntegration(name, handler),
    });
    this.webSocketApi.addRoute('$connect', { ...toSocket('Connect', connect), authorizer: socketAuthorizer });
    for (const [key, name, handler] of [
      ['$default', 'Frame', frame],
      ['$disconnect', 'Disconnect', disconnect],
    ] as const) {
      const route = this.webSocketApi.addRoute(key, toSocket(name, handler));
      accept(route, 'APIG4', 'A WebSocket API authorizes $connect, and what comes over that connection with it.');
    }
    const authorizer = new HttpLambdaAuthorizer('Authorizer', authorize.function, {
      identitySource: [],
      responseTypes: [HttpLambdaResponseType.SIMPLE],
      resultsCacheTtl: Duration.seconds(0),
    });
    const integration = new HttpLambdaIntegration('Rest', rest.function);
    const { httpApi } = this;
    new HttpRoute(this, 'Rest', { httpApi, integration, authorizer, routeKey: HttpRouteKey.DEFAULT });
    for (const [path, method] of openRoutes) {
      const routeKey = HttpRouteKey.with(path, method);
      const route = new HttpRoute(this, `${method} ${path}`, {
        httpApi,
        integration,
        routeKey,
        authorizer: new HttpNoneAuthorizer(),
      });
      accept(
        route,
        'APIG4',
        'Browsers ask without credentials whether they may ask; the description and the health check hold no data.',
      );
    }
  }
}
