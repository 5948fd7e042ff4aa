import type { Duration } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { isDeadLetterQueue } from '../lib/model/destination.ts';
import { type ObservedBroker, ofFunctions, own, PERIOD, tableThrottles } from './broker-metrics.ts';

export type Thresholds = {
  /** How old an unconsumed message may become. */
  readonly oldestAge: Duration;
  /** Commits that another master overtook, in five minutes. */
  readonly lostLeases: number;
  /** Logins with wrong credentials, in five minutes. */
  readonly loginsRefused: number;
};

type Rule = {
  readonly id: string;
  /** What it means; what to do is in docs/operations.md under the same name. */
  readonly meaning: string;
  readonly metric: IMetric;
  /** Alarms above it; with `below`, below it. */
  readonly threshold: number;
  readonly below?: boolean;
  /** How many periods of five minutes in a row. */
  readonly periods?: number;
};

/** The alarms of a broker. All that it does not measure is well, except that the sweep runs. */
export function addAlarms(scope: Construct, broker: ObservedBroker, thresholds: Thresholds): Alarm[] {
  const rules = [
    ...[...broker.tables.shards.keys()].flatMap((group) => rulesOfGroup(broker, group, thresholds)),
    ...broker.watchedQueues.flatMap((queue) => rulesOfQueue(broker, queue, thresholds)),
    ...rulesOfTables(broker),
    ...rulesOfBroker(broker, thresholds),
  ];
  return rules.map((rule) => addAlarm(scope, rule));
}

function rulesOfGroup(broker: ObservedBroker, group: string, { oldestAge, lostLeases }: Thresholds): Rule[] {
  return [
    {
      id: `OldestAge-${group}`,
      meaning: `A message of the group ${group} has waited too long.`,
      metric: own(broker, 'ageOfOldestMs', { group }),
      threshold: oldestAge.toMilliseconds(),
    },
    {
      id: `DeadLettered-${group}`,
      meaning: `Consumers of the group ${group} gave up on messages, which are in their dead-letter queues.`,
      metric: own(broker, 'deadLettered', { group }),
      threshold: 0,
    },
    {
      id: `LostLeases-${group}`,
      meaning: `Masters of the group ${group} lose their leases before they commit.`,
      metric: own(broker, 'lostLeases', { group }),
      threshold: lostLeases,
      periods: 3,
    },
  ];
}

function rulesOfQueue(broker: ObservedBroker, queue: string, { oldestAge }: Thresholds): Rule[] {
  const destination = `/queue/${queue}`;
  if (isDeadLetterQueue(queue)) {
    const meaning = `There are messages in ${destination}.`;
    return [{ id: `DeadLetters-${queue}`, meaning, metric: own(broker, 'depth', { destination }), threshold: 0 }];
  }
  const metric = own(broker, 'ageOfOldestMs', { destination });
  const meaning = `A message in ${destination} has waited too long.`;
  return [{ id: `OldestAgeIn-${queue}`, meaning, metric, threshold: oldestAge.toMilliseconds() }];
}

function rulesOfTables({ tables: { shards, directory } }: ObservedBroker): Rule[] {
  const named = [
    ...[...shards].map(([group, table]) => [`Shards-${group}`, table] as const),
    ['Directory', directory] as const,
  ];
  return named.map(([name, table]) => ({
    id: `TableThrottles-${name}`,
    meaning: `DynamoDB puts off calls on the table ${name}.`,
    metric: tableThrottles(table),
    threshold: 0,
    periods: 2,
  }));
}

function rulesOfBroker(broker: ObservedBroker, { loginsRefused }: Thresholds): Rule[] {
  return [
    {
      id: 'Throttles',
      meaning: 'DynamoDB, or API Gateway for posts to connections, puts off what the broker asks.',
      metric: own(broker, 'throttles'),
      threshold: 10,
      periods: 2,
    },
    {
      id: 'FunctionErrors',
      meaning: 'Functions of the broker fail or take too long.',
      metric: ofFunctions(broker, 'Errors'),
      threshold: 0,
    },
    {
      id: 'FunctionThrottles',
      meaning: 'Lambda has no concurrency left for functions of the broker.',
      metric: ofFunctions(broker, 'Throttles'),
      threshold: 0,
    },
    {
      id: 'Failures',
      meaning: 'Invocations of dispatch or sweep failed; the queue of failures holds them.',
      metric: broker.failures.metricApproximateNumberOfMessagesVisible({ statistic: 'Maximum', period: PERIOD }),
      threshold: 0,
    },
    {
      id: 'LoginsRefused',
      meaning: 'Somebody tries many wrong passwords or tokens.',
      metric: own(broker, 'loginsRefused'),
      threshold: loginsRefused,
    },
    {
      id: 'SweepMissed',
      meaning: 'No sweep has run for five minutes: what a crash leaves undone stays so.',
      metric: own(broker, 'sweepRan'),
      threshold: 1,
      below: true,
    },
    {
      id: 'SweepBehind',
      meaning: 'Sweeps have no time for all that is due.',
      metric: own(broker, 'sweepLeft'),
      threshold: 0,
      periods: 3,
    },
  ];
}

function addAlarm(scope: Construct, { id, meaning, metric, threshold, below = false, periods = 1 }: Rule): Alarm {
  return new Alarm(scope, id, {
    metric,
    threshold,
    evaluationPeriods: periods,
    comparisonOperator: below ? ComparisonOperator.LESS_THAN_THRESHOLD : ComparisonOperator.GREATER_THAN_THRESHOLD,
    treatMissingData: below ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
    alarmDescription: `${meaning} See docs/operations.md, ${id.split('-')[0]}.`,
  });
}
