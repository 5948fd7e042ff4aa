import { RemovalPolicy } from 'aws-cdk-lib';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { Billing } from 'aws-cdk-lib/aws-dynamodb';
import { describe, expect, it } from 'vitest';
import { CirrusMqStack } from '../../../infra/stack.ts';
import { newApp } from './app.ts';
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
const functions = ['connect', 'frame', 'disconnect', 'rest', 'dispatch', 'sweep'];

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
      expect(table.DeletionPolicy).toBe('RetainExceptOnCreate');
      expect(table.UpdateReplacePolicy).toBe('Retain');
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

  it('are warmed, and kept from whoever would delete them, where that is asked for', () => {
    const warmThroughput = { readUnitsPerSecond: 12_000, writeUnitsPerSecond: 20_000 };
    templateOf({ warmThroughput, deletionProtection: true }).allResourcesProperties('AWS::DynamoDB::GlobalTable', {
      WarmThroughput: { ReadUnitsPerSecond: 12_000, WriteUnitsPerSecond: 20_000 },
      Replicas: [Match.objectLike({ DeletionProtectionEnabled: true })],
    });
  });

  it('go with the stack where that is asked for', () => {
    const table = Object.values(
      resourcesOf(templateOf({ removalPolicy: RemovalPolicy.DESTROY }), 'AWS::DynamoDB::GlobalTable'),
    );
    expect(table.map(({ DeletionPolicy }) => DeletionPolicy)).toEqual(['Delete', 'Delete']);
  });

  it.each([
    [RemovalPolicy.DESTROY, 1],
    [undefined, 0],
  ])(
    'of groups that would go with their messages, once a group is removed, are told of where removalPolicy is %s',
    (removalPolicy, count) => {
      const stack = new CirrusMqStack(newApp({ context: { 'aws:cdk:bundling-stacks': [] } }), 'Test', {
        destinationGroups: groups,
        ...(removalPolicy && { removalPolicy }),
      });
      expect(Annotations.fromStack(stack).findWarning('*', Match.stringLikeRegexp('loses its table'))).toHaveLength(
        count,
      );
    },
  );
});

describe('the functions', () => {
  it.each(functions)(
    '%s runs on Node 24 and arm64, and writes JSON to a log that outlives the stack, and expires',
    (name) => {
      const [, properties] = functionNamed(template, name);
      expect(properties).toMatchObject({ Runtime: 'nodejs24.x', Architectures: ['arm64'] });
      const { LogFormat, LogGroup } = properties.LoggingConfig as { LogFormat: string; LogGroup: { Ref: string } };
      expect(LogFormat).toBe('JSON');
      const log = resourcesOf(template, 'AWS::Logs::LogGroup')[LogGroup.Ref];
      expect(log?.Properties.RetentionInDays).toBe(30);
      expect(log?.DeletionPolicy).toBe('RetainExceptOnCreate');
    },
  );

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
      'NODE_OPTIONS',
      'POWERTOOLS_LOG_LEVEL',
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

  it.each([
    ['DEBUG', 'DEBUG'],
    ['INFO', 'INFO'],
    ['WARN', 'INFO'],
    ['ERROR', 'INFO'],
  ] as const)(
    'at the level %s, write what it says, and keep the platform at %s: metrics have no level',
    (logLevel, platform) => {
      const from = templateOf({ logLevel });
      expect(environmentOf('frame', from).POWERTOOLS_LOG_LEVEL).toBe(logLevel);
      expect(functionNamed(from, 'frame')[1].LoggingConfig).toMatchObject({ ApplicationLogLevel: platform });
    },
  );

  it('reserve no concurrency', () => {
    for (const name of functions) {
      expect(functionNamed(template, name)[1]).not.toHaveProperty('ReservedConcurrentExecutions');
    }
  });
});

describe('the doors', () => {
  it('reserve some for dispatch alone, where its invocations are bounded', () => {
    const bounded = templateOf({ tablePrefix: 'p', dispatchConcurrency: 5 });
    const reserved = functions.map((name) => functionNamed(bounded, name)[1].ReservedConcurrentExecutions);
    expect(reserved.filter((most) => most !== undefined)).toEqual([5]);
    expect(functionNamed(bounded, 'dispatch')[1].ReservedConcurrentExecutions).toBe(5);
  });

  it('lead to the functions, which ask for credentials themselves: there is no authorizer', () => {
    expect(resourcesOf(template, 'AWS::ApiGatewayV2::Authorizer')).toEqual({});
    const routes = Object.values(resourcesOf(template, 'AWS::ApiGatewayV2::Route')).map((route) => route.Properties);
    expect(routes.map((route) => route.RouteKey).sort()).toEqual(['$connect', '$default', '$default', '$disconnect']);
  });

  it('are named after the broker', () => {
    const names = Object.values(resourcesOf(template, 'AWS::ApiGatewayV2::Api')).map(
      ({ Properties }) => Properties.Name,
    );
    expect(names.sort()).toEqual(['p-rest', 'p-stomp']);
  });

  it('write of each request when, whence, what, and what became of it, and nothing that may be secret', () => {
    const stages = Object.values(resourcesOf(template, 'AWS::ApiGatewayV2::Stage'));
    const formats = stages.flatMap(({ Properties }) => (Properties.AccessLogSettings as { Format: string }) ?? []);
    expect(formats).toHaveLength(1);
    const line = JSON.parse(formats[0]?.Format ?? '');
    expect(Object.keys(line)).toEqual(
      expect.arrayContaining(['requestId', 'path', 'routeKey', 'status', 'responseLatency', 'integrationErrorMessage']),
    );
    expect(Object.values(line).join()).not.toMatch(/header|query|authorizer/i);
  });

  it('know no pages of the machine that they are looked at from, unless it is asked for', () => {
    expect(environmentOf('rest').ALLOWED_ORIGINS).toBe('');
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
