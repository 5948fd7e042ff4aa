import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { contextOptions, propsOf } from '../../../infra/context.ts';
import { CirrusMqStack } from '../../../infra/stack.ts';
import { newApp } from './app.ts';
import { functionNamed, resourcesOf } from './resources.ts';

const all = {
  tablePrefix: 'orders',
  access: 'open',
  credentialsAtUpgrade: 'true',
  jwtIssuer: 'https://issuer.example',
  jwtAudience: 'broker',
  jwtJwksUri: 'https://issuer.example/keys',
  jwtClaim: 'rights',
  destinationGroups: '[{"name":"orders","destinations":["/queue/orders.>"]}]',
  limits: '{"deliveries":3}',
  messageRetentionDays: '4',
  allowedOrigins: 'https://a.example, loopback',
  throttleRate: '10',
  throttleBurst: '20',
  watchedQueues: 'orders,DLQ.orders',
  logLevel: 'ERROR',
  alarms: 'true',
  alarmTopicArn: 'arn:aws:sns:eu-west-1:111111111111:alarms',
  alarmEmail: 'on-call@app.example',
  deletionProtection: 'true',
  removalPolicy: 'destroy',
};

function templateOf(context: Record<string, unknown>): Template {
  return Template.fromStack(new CirrusMqStack(newApp(), 'Test', propsOf(context)));
}

describe("the CDK's context", () => {
  const template = templateOf(all);

  it('says all that can be said of the broker', () => {
    expect(Object.keys(all).sort()).toEqual(Object.keys(contextOptions).sort());
    const { Environment } = functionNamed(template, 'rest')[1] as {
      Environment: { Variables: Record<string, unknown> };
    };
    expect(Environment.Variables).toMatchObject({
      TABLE_PREFIX: 'orders',
      ACCESS: 'open',
      CREDENTIALS_AT_UPGRADE: 'true',
      JWT_ISSUER: 'https://issuer.example',
      JWT_AUDIENCE: 'broker',
      JWT_JWKS_URI: 'https://issuer.example/keys',
      JWT_CLAIM: 'rights',
      DESTINATION_GROUPS: all.destinationGroups,
      LIMITS: '{"deliveries":3,"retentionMs":345600000}',
      ALLOWED_ORIGINS: 'https://a.example,loopback',
      WATCHED_QUEUES: 'orders,DLQ.orders',
      POWERTOOLS_LOG_LEVEL: 'ERROR',
    });
    template.hasResourceProperties('AWS::ApiGatewayV2::Stage', {
      DefaultRouteSettings: { ThrottlingRateLimit: 10, ThrottlingBurstLimit: 20 },
    });
    template.allResourcesProperties('AWS::DynamoDB::GlobalTable', {
      Replicas: [Match.objectLike({ DeletionProtectionEnabled: true })],
    });
    template.allResources('AWS::DynamoDB::GlobalTable', { DeletionPolicy: 'Delete' });
    template.hasResourceProperties('AWS::SNS::Subscription', { Protocol: 'email', Endpoint: 'on-call@app.example' });
    template.allResourcesProperties('AWS::CloudWatch::Alarm', {
      AlarmActions: [all.alarmTopicArn, { Ref: Match.stringLikeRegexp('^AlarmTopic') }],
    });
  });

  it('says nothing where it holds flags of the CDK alone', () => {
    expect(propsOf({ '@aws-cdk/core:checkSecretUsage': true, 'aws:cdk:enable-path-metadata': false })).toEqual({});
  });

  it('may hold JSON as it is, as cdk.json does', () => {
    const destinationGroups = [{ name: 'orders', destinations: ['/queue/orders.>'] }];
    expect(propsOf({ destinationGroups, messageRetentionDays: 4, alarms: true })).toMatchObject({
      destinationGroups,
      observability: {},
    });
  });

  it.each([
    [{ loglevel: 'INFO' }, /^There is no option "loglevel"; there are tablePrefix, /],
    [{ toString: 'x' }, /There is no option "toString"/],
    [{ access: 'public' }, /^access is "public"; it takes closed or open\.$/],
    [{ logLevel: 'info' }, /it takes DEBUG or INFO or WARN or ERROR/],
    [{ throttleRate: '10', throttleBurst: 'many' }, /^throttleBurst is "many"; it takes a whole number/],
    [{ throttleRate: '10' }, /need each other/],
    [{ jwtIssuer: 'https://issuer.example' }, /need each other/],
    [{ jwtClaim: 'rights' }, /need jwtIssuer and jwtAudience/],
    [{ alarms: 'false', alarmEmail: 'a@app.example' }, /^alarms is false/],
    [{ watchedQueues: 'a,,b' }, /between its commas/],
    [{ limits: 'deliveries=3' }, /^limits is not JSON/],
    [{ destinationGroups: '{}' }, /JSON list/],
    [{ tablePrefix: '' }, /^tablePrefix is empty/],
  ])('%j is refused in words', (context, message) => {
    expect(() => propsOf(context)).toThrow(message);
  });

  it('is named in the README, each option of it', () => {
    const rows = readFileSync('README.md', 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('| `'));
    const named = rows.flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`(\w+)/g)].map(([, name]) => name));
    expect(named).toEqual(expect.arrayContaining(Object.keys(contextOptions)));
  });
});

it('the app ends with one sentence for what it does not know', () => {
  const CDK_CONTEXT_JSON = JSON.stringify({ origins: 'https://a.example' });
  const { status, stderr } = spawnSync(process.execPath, ['infra/app.ts'], {
    env: { ...process.env, CDK_CONTEXT_JSON },
    encoding: 'utf8',
  });
  expect([status, stderr]).toEqual([1, expect.stringMatching(/^cirrusmq: There is no option "origins"; .*\n$/)]);
});

it('the flags that the CDK recommends are set', () => {
  const { context } = JSON.parse(readFileSync('cdk.json', 'utf8'));
  const recommended = readFileSync('node_modules/aws-cdk-lib/recommended-feature-flags.json', 'utf8');
  expect(context).toEqual(JSON.parse(recommended));
});

it('the CDK bundles the functions before it synthesises', () => {
  const { build } = JSON.parse(readFileSync('cdk.json', 'utf8'));
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'));
  expect([build, scripts.bundle]).toEqual(['npm run --silent bundle', 'node build/bundle.ts']);
});

it('the stack has the same resources with the flags as without', () => {
  const { context } = JSON.parse(readFileSync('cdk.json', 'utf8'));
  const flagged = Template.fromStack(new CirrusMqStack(newApp({ context }), 'Test', { observability: {} }));
  const plain = Template.fromStack(new CirrusMqStack(newApp(), 'Test', { observability: {} }));
  for (const type of ['AWS::Lambda::Function', 'AWS::DynamoDB::GlobalTable', 'AWS::ApiGatewayV2::Api']) {
    expect(Object.keys(resourcesOf(flagged, type))).toEqual(Object.keys(resourcesOf(plain, type)));
  }
});
