import { readFileSync } from 'node:fs';
import { Duration, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { AttributeType, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { describe, expect, it } from 'vitest';
import { Observability, type ObservabilityProps } from '../../../infra/observability.ts';
import { metricNamespace, metricUnits } from '../../../lib/model/metrics.ts';
import { newApp } from './app.ts';

type AlarmProperties = {
  readonly AlarmDescription: string;
  readonly MetricName?: string;
  readonly Namespace?: string;
  readonly Dimensions?: readonly { readonly Name: string; readonly Value: unknown }[];
  readonly Metrics?: readonly {
    readonly Expression?: string;
    readonly MetricStat?: { readonly Metric: AlarmProperties };
  }[];
};

const names = ['connect', 'frame', 'disconnect', 'rest', 'dispatch', 'sweep'];

/** A stack with parts of a broker, and what is looked at of them. */
function synthesize(props: Partial<ObservabilityProps> = {}, watchedQueues: readonly string[] = []): Template {
  const stack = new Stack(newApp(), 'Stack');
  const table = (id: string) => new TableV2(stack, id, { partitionKey: { name: 'p', type: AttributeType.STRING } });
  const code = Code.fromInline('exports.handler = () => {};');
  const functions = names.map((name) => {
    const settings = { code, handler: 'index.handler', runtime: Runtime.NODEJS_24_X };
    return [name, { function: new LambdaFunction(stack, name, settings) }] as const;
  });
  const broker = {
    tablePrefix: 'my-broker',
    watchedQueues,
    functions: Object.fromEntries(functions),
    tables: {
      shards: new Map(['default', 'payments'].map((group) => [group, table(`Shards-${group}`)])),
      directory: table('Directory'),
    },
    gateways: {
      webSocketApi: { apiId: 'ws-api' },
      webSocketStage: { stageName: 'live' },
      httpApi: { apiId: 'http-api' },
      httpStage: { stageName: '$default' },
    },
    failures: new Queue(stack, 'Failures'),
  };
  const actions = [new SnsAction(new Topic(stack, 'Topic'))];
  new Observability(stack, 'Observability', { broker, actions, ...props });
  return Template.fromStack(stack);
}

function alarmsOf(template: Template): [string, AlarmProperties][] {
  return Object.values(template.findResources('AWS::CloudWatch::Alarm')).map(({ Properties }) => {
    const properties = Properties as AlarmProperties;
    return [properties.AlarmDescription.replace(/.*docs\/operations\.md, (\w+)\.$/, '$1'), properties];
  });
}

describe('the alarms', () => {
  const template = synthesize({}, ['orders', 'DLQ.orders']);

  it('tell where their meaning is written, and each has an action', () => {
    const page = readFileSync('docs/operations.md', 'utf8');
    const alarms = alarmsOf(template);
    expect(alarms.length).toBeGreaterThan(15);
    for (const [name] of alarms) expect(page).toContain(`| \`${name}\``);
    template.allResourcesProperties('AWS::CloudWatch::Alarm', {
      AlarmActions: [{ Ref: Match.stringLikeRegexp('^Topic') }],
    });
  });

  it('look at metrics that the functions write, with the dimensions that they have', () => {
    const own = alarmsOf(template).filter(([, { Namespace }]) => Namespace === metricNamespace);
    expect(own.length).toBeGreaterThan(8);
    for (const [, { MetricName = '', Dimensions = [] }] of own) {
      expect(Object.keys(metricUnits)).toContain(MetricName);
      expect(Dimensions).toContainEqual({ Name: 'service', Value: 'my-broker' });
      for (const { Name } of Dimensions) expect(['service', 'group', 'destination']).toContain(Name);
    }
  });

  it.each([
    ['OldestAge', 2],
    ['DeadLettered', 2],
    ['LostLeases', 2],
    ['TableThrottles', 3],
    ['OldestAgeIn', 1],
    ['DeadLetters', 1],
    ['Throttles', 1],
    ['FunctionErrors', 1],
    ['FunctionThrottles', 1],
    ['Failures', 1],
    ['LoginsRefused', 1],
    ['SweepMissed', 1],
    ['SweepBehind', 1],
  ])('%s: there are %i for two destination groups and two watched queues', (name, count) => {
    expect(alarmsOf(template).filter(([alarm]) => alarm === name)).toHaveLength(count);
  });

  it('take a silent sweep for a missed one, and silence otherwise for all is well', () => {
    for (const [name, properties] of alarmsOf(template)) {
      const expected = name === 'SweepMissed' ? 'breaching' : 'notBreaching';
      expect(properties).toMatchObject({ TreatMissingData: expected });
    }
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      MetricName: 'sweepRan',
      ComparisonOperator: 'LessThanThreshold',
      Threshold: 1,
    });
  });

  it('add up the errors of every function', () => {
    const [[, errors] = []] = alarmsOf(template).filter(([name]) => name === 'FunctionErrors');
    const summed = errors?.Metrics?.flatMap(({ MetricStat }) => (MetricStat ? [MetricStat.Metric.MetricName] : []));
    expect(summed).toEqual(names.map(() => 'Errors'));
    // CloudWatch refuses an alarm on more.
    expect(errors?.Metrics?.length).toBeLessThanOrEqual(10);
  });

  it('have thresholds that can be set', () => {
    const other = synthesize({ oldestAge: Duration.hours(2), lostLeases: 3 });
    other.hasResourceProperties('AWS::CloudWatch::Alarm', { MetricName: 'ageOfOldestMs', Threshold: 7_200_000 });
    other.hasResourceProperties('AWS::CloudWatch::Alarm', { MetricName: 'lostLeases', Threshold: 3 });
  });
});

describe('the dashboard', () => {
  it('shows every metric that the functions write', () => {
    const [dashboard] = Object.values(synthesize({}, ['orders']).findResources('AWS::CloudWatch::Dashboard'));
    const body = JSON.stringify(dashboard?.Properties);
    for (const name of Object.keys(metricUnits)) expect(body).toContain(`\\"${name}\\"`);
    for (const metric of ['IntegrationError', '5xx', 'ApproximateNumberOfMessagesVisible', 'Duration']) {
      expect(body).toContain(metric);
    }
  });
});
