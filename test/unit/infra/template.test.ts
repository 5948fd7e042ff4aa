import { RemovalPolicy } from 'aws-cdk-lib';
import { Match, type Template } from 'aws-cdk-lib/assertions';
import { Billing } from 'aws-cdk-lib/aws-dynamodb';
import { describe, expect, it } from 'vitest';
import { functionNamed, resourcesOf } from './resources.ts';
import { templateOf } from './synth.ts';

const template = templateOf({ tablePrefix: 'p' });
const groups = [
  { name: 'orders', destinations: ['/queue/orders.>'], billing: Billing.onDemand({ maxWriteRequestUnits: 500 }) },
  { name: 'prices', destinations: ['/topic/prices.>'], pointInTimeRecovery: false },
];
const jwt = {
  issuer: 'https://issuer.example',
  audience: 'broker',
  jwksUri: 'https://issuer.example/keys',
  claim: 'rights',
};
const open = templateOf({ tablePrefix: 'p', access: 'open', jwt });
const grouped = templateOf({ tablePrefix: 'p', destinationGroups: groups });
const functions = ['authorize', 'connect', 'frame', 'disconnect', 'rest', 'dispatch', 'sweep'];

type Environment = { readonly Variables: Readonly<Record<string, unknown>> };

function environmentOf(name: string, from = template): Environment['Variables'] {
  return (functionNamed(from, name)[1].Environment as Environment).Variables;
}

describe('the tables', () => {
  it('are one for the shards of each destination group, and the directory', () => {
    const names = Object.values(resourcesOf(grouped, 'AWS::DynamoDB::GlobalTable')).map((t) => t.Properties.TableName);
    expect(names.sort()).toEqual(['p-directory', 'p-shards-default', 'p-shards-orders', 'p-shards-prices']);
  });

  it('expire items by the attribute that the store writes, and have its key', () => {
    for (const { Properties } of Object.values(resourcesOf(template, 'AWS::DynamoDB::GlobalTable'))) {
      expect(Properties.TimeToLiveSpecification).toEqual({ AttributeName: 't', Enabled: true });
      expect(Properties.KeySchema).toEqual([
        { AttributeName: 'p', KeyType: 'HASH' },
        { AttributeName: 's', KeyType: 'RANGE' },
      ]);
    }
  });

  it('of shards have the sparse index of what is due, with keys alone', () => {
    template.hasResourceProperties('AWS::DynamoDB::GlobalTable', {
      TableName: 'p-shards-default',
      GlobalSecondaryIndexes: [
        {
          IndexName: 'due',
          KeySchema: [
            { AttributeName: 'g', KeyType: 'HASH' },
            { AttributeName: 'm', KeyType: 'RANGE' },
          ],
          Projection: { ProjectionType: 'KEYS_ONLY' },
        },
      ],
    });
  });

  it('are billed on demand, can be restored, and outlive the stack', () => {
    for (const table of Object.values(resourcesOf(template, 'AWS::DynamoDB::GlobalTable'))) {
      expect(table.Properties.BillingMode).toBe('PAY_PER_REQUEST');
      expect(table.DeletionPolicy).toBe('Retain');
      expect(JSON.stringify(table.Properties.Replicas)).toContain('"PointInTimeRecoveryEnabled":true');
    }
  });

  it('of a group have what the group says', () => {
    grouped.hasResourceProperties('AWS::DynamoDB::GlobalTable', {
      TableName: 'p-shards-orders',
      WriteOnDemandThroughputSettings: { MaxWriteRequestUnits: 500 },
    });
    grouped.hasResourceProperties('AWS::DynamoDB::GlobalTable', {
      TableName: 'p-shards-prices',
      Replicas: [Match.objectLike({ PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: false } })],
    });
  });

  it('go with the stack where that is asked for', () => {
    const table = Object.values(
      resourcesOf(templateOf({ removalPolicy: RemovalPolicy.DESTROY }), 'AWS::DynamoDB::GlobalTable'),
    );
    expect(table.map(({ DeletionPolicy }) => DeletionPolicy)).toEqual(['Delete', 'Delete']);
  });
});

describe('the functions', () => {
  it.each(functions)('%s runs on Node 24 and arm64, and writes JSON to a log that expires', (name) => {
    const [, properties] = functionNamed(template, name);
    expect(properties).toMatchObject({ Runtime: 'nodejs24.x', Architectures: ['arm64'] });
    const { LogFormat, LogGroup } = properties.LoggingConfig as { LogFormat: string; LogGroup: { Ref: string } };
    expect(LogFormat).toBe('JSON');
    const log = resourcesOf(template, 'AWS::Logs::LogGroup')[LogGroup.Ref];
    expect(log?.Properties.RetentionInDays).toBe(30);
    expect(log?.DeletionPolicy).toBe('Delete');
  });

  it('know the destination groups and the limits that were changed, and nothing of the tables but their prefix', () => {
    expect(environmentOf('frame', grouped)).toMatchObject({
      TABLE_PREFIX: 'p',
      DESTINATION_GROUPS: JSON.stringify(groups.map(({ name, destinations }) => ({ name, destinations }))),
    });
    expect(environmentOf('rest', templateOf({ limits: { deliveries: 3 } }))).toMatchObject({
      LIMITS: '{"deliveries":3}',
    });
    expect(Object.keys(environmentOf('sweep')).sort()).toEqual([
      'ACCESS',
      'CONNECTIONS_ENDPOINT',
      'DISPATCH_FUNCTION',
      'TABLE_PREFIX',
    ]);
  });

  it.each(functions)('%s is closed unless it is to be open, and knows who issues tokens', (name) => {
    expect(environmentOf(name)).toMatchObject({ TABLE_PREFIX: 'p', ACCESS: 'closed' });
    expect(environmentOf(name, open)).toMatchObject({
      ACCESS: 'open',
      JWT_ISSUER: jwt.issuer,
      JWT_AUDIENCE: jwt.audience,
      JWT_JWKS_URI: jwt.jwksUri,
      JWT_CLAIM: jwt.claim,
    });
  });

  it('write what their level says', () => {
    const level = (from: Template) => functionNamed(from, 'frame')[1].LoggingConfig;
    expect(level(template)).toMatchObject({ ApplicationLogLevel: 'INFO' });
    expect(level(templateOf({ logLevel: 'DEBUG' }))).toMatchObject({ ApplicationLogLevel: 'DEBUG' });
  });

  it('reserve no concurrency', () => {
    for (const name of functions) {
      expect(functionNamed(template, name)[1]).not.toHaveProperty('ReservedConcurrentExecutions');
    }
  });
});

describe('the doors', () => {
  it('both ask the authorizer, at $connect and at every request', () => {
    const [authorize] = functionNamed(template, 'authorize');
    const authorizers = resourcesOf(template, 'AWS::ApiGatewayV2::Authorizer');
    expect(Object.keys(authorizers)).toHaveLength(2);
    for (const { Properties } of Object.values(authorizers)) {
      expect(Properties.AuthorizerType).toBe('REQUEST');
      expect(Properties.IdentitySource ?? []).toEqual([]);
      expect(JSON.stringify(Properties.AuthorizerUri)).toContain(authorize);
    }
    const routes = Object.values(resourcesOf(template, 'AWS::ApiGatewayV2::Route')).map((route) => route.Properties);
    const asked = routes.filter((route) => route.AuthorizationType === 'CUSTOM').map((route) => route.RouteKey);
    expect(asked.sort()).toEqual(['$connect', '$default']);
    const others = routes.filter((route) => route.AuthorizationType !== 'CUSTOM').map((route) => route.RouteKey);
    expect(others.sort()).toEqual(['$default', '$disconnect', 'GET /health', 'GET /openapi.json', 'OPTIONS /{proxy+}']);
  });

  it('take so much a second', () => {
    for (const { Properties } of Object.values(resourcesOf(template, 'AWS::ApiGatewayV2::Stage'))) {
      expect(Properties.DefaultRouteSettings).toEqual({ ThrottlingRateLimit: 1000, ThrottlingBurstLimit: 2000 });
    }
  });
});

describe('what nobody waits for', () => {
  it('is not repeated when it fails, and goes to a queue for people to look at', () => {
    const configs = Object.values(resourcesOf(template, 'AWS::Lambda::EventInvokeConfig'));
    expect(configs).toHaveLength(2);
    for (const { Properties } of configs) {
      expect(Properties).toMatchObject({ MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 });
      expect(JSON.stringify(Properties.DestinationConfig)).toContain('BrokerFailures');
    }
  });

  it('may go from dispatch to dispatch as often as the handler lets it', () => {
    expect(functionNamed(template, 'dispatch')[1].RecursiveLoop).toBe('Allow');
  });

  it('is swept each minute, with the same queue for what could not be begun', () => {
    template.hasResourceProperties('AWS::Scheduler::Schedule', {
      ScheduleExpression: 'rate(1 minute)',
      Target: { RetryPolicy: { MaximumRetryAttempts: 0 }, DeadLetterConfig: Match.anyValue() },
    });
  });
});

it('a dashboard and alarms, of each destination group too, come where they are asked for', () => {
  expect(resourcesOf(template, 'AWS::CloudWatch::Alarm')).toEqual({});
  const observed = templateOf({ tablePrefix: 'p', destinationGroups: groups, observability: {} });
  observed.resourceCountIs('AWS::CloudWatch::Dashboard', 1);
  for (const group of ['default', 'orders', 'prices']) {
    observed.hasResourceProperties('AWS::CloudWatch::Alarm', {
      MetricName: 'ageOfOldestMs',
      Dimensions: Match.arrayWith([{ Name: 'group', Value: group }]),
    });
  }
});

describe('props that are not valid', () => {
  it.each([
    [{ destinationGroups: [{ name: 'Orders', destinations: ['/queue/>'] }] }, /destination group "Orders"/],
    [{ destinationGroups: [{ name: 'orders', destinations: ['/queue/or*'] }] }, /pattern/],
    [{ limits: { deliveries: -1 } }, /limit "deliveries"/],
  ])('%j end the synthesis by name', (props, message) => {
    expect(() => templateOf(props)).toThrow(message);
  });
});
