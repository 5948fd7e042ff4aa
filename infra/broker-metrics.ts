import { Duration } from 'aws-cdk-lib';
import { type IMetric, MathExpression, Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { isGauge, metricNamespace, type Metric as Name } from '../lib/model/metrics.ts';

/** What is looked at of a table. */
type Table = Pick<TableV2, 'metric'>;

/** What is looked at of one of the two APIs. */
type Api = { readonly apiId: string };
type Stage = { readonly stageName: string };

/** The parts of a broker that are looked at. */
export type ObservedBroker = {
  /** The beginning of its tables' names, which is the dimension `service` of its metrics. */
  readonly tablePrefix: string;
  /** Queues, by name, that its functions are told to watch. */
  readonly watchedQueues: readonly string[];
  /** By name, as `functions/` has them. */
  readonly functions: Readonly<Record<string, { readonly function: IFunction }>>;
  /** `shards` by destination group. */
  readonly tables: { readonly shards: ReadonlyMap<string, Table>; readonly directory: Table };
  readonly gateways: {
    readonly webSocketApi: Api;
    readonly webSocketStage: Stage;
    readonly httpApi: Api;
    readonly httpStage: Stage;
  };
  /** What `dispatch` and `sweep` failed at. */
  readonly failures: IQueue;
};

/** Alarms look back this long at a time. */
export const PERIOD = Duration.minutes(5);

/** A metric of the broker's own, of a destination group, of a watched destination, or of the whole. */
export function own(
  { tablePrefix: service }: ObservedBroker,
  name: Name,
  owner: { readonly group?: string; readonly destination?: string } = {},
  statistic = isGauge(name) ? 'Maximum' : 'Sum',
): Metric {
  const dimensionsMap = { service, ...owner };
  return new Metric({ namespace: metricNamespace, metricName: name, dimensionsMap, statistic, period: PERIOD });
}

/** All functions' together: `Errors`, `Throttles`, `Invocations`. */
export function ofFunctions({ functions }: ObservedBroker, metricName: string): IMetric {
  const entries = Object.entries(functions);
  const usingMetrics = Object.fromEntries(
    entries.map(([name, one]) => [
      `${metricName.toLowerCase()}_${name}`,
      one.function.metric(metricName, { statistic: 'Sum', period: PERIOD }),
    ]),
  );
  return new MathExpression({ expression: 'SUM(METRICS())', usingMetrics, period: PERIOD, label: metricName });
}

/** Calls of one table that were put off. What its index cannot take holds up the table's writes, and counts with them. */
export function tableThrottles(table: Table): IMetric {
  const ofTable = (metricName: string) => table.metric(metricName, { statistic: 'Sum', period: PERIOD });
  const usingMetrics = { reads: ofTable('ReadThrottleEvents'), writes: ofTable('WriteThrottleEvents') };
  return new MathExpression({ expression: 'SUM(METRICS())', usingMetrics, period: PERIOD, label: 'throttles' });
}

/** A metric of one of the two APIs. */
export function ofApi({ apiId }: Api, { stageName }: Stage, metricName: string): Metric {
  const dimensionsMap = { ApiId: apiId, Stage: stageName };
  return new Metric({ namespace: 'AWS/ApiGateway', metricName, dimensionsMap, statistic: 'Sum', period: PERIOD });
}
